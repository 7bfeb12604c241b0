import type { DType } from '../dtype.js';
import { throughComposition } from '../graph/autodiff.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Reduce } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { abs, add, mul, sub } from './arithmetic.js';
import { checkDType, checkTensor, FLOAT, rankOrOne, resolveAxes, resolveAxis } from './check.js';
import { composite } from './composite.js';
import { less } from './compare.js';
import { softmaxCost } from './costs.js';
import { example } from './examples.js';
import { exp, log } from './exponential.js';
import type { KernelRecord } from './record.js';
import { keptShape, nothingToReduce } from './reduction.js';
import { max, sum, type Axis, type ReduceOptions } from './reductions.js';
import { where } from './where.js';
import { EXPONENTIALS } from './tolerance.js';
import { detach, reshape, transpose } from './views.js';

const SHAPES: readonly Shape[] = [[1], [7], [8], [9], [3, 10], [2, 33], [2, 3, 17], [4, 1], [0, 5], [1, 101]];

/** y (dy - sum_c y dy). */
function softmaxSlope([y, dy]: readonly Tensor[]): Tensor {
  return mul(y!, sub(dy!, sum(mul(y!, dy!), { axis: -1, keepdim: true })));
}

/** dy - exp(y) sum_c dy. */
function logSoftmaxSlope([y, dy]: readonly Tensor[]): Tensor {
  return sub(dy!, mul(exp(y!), sum(dy!, { axis: -1, keepdim: true })));
}

function softmaxOps(name: string, log: 0 | 1, slope: (inputs: readonly Tensor[]) => Tensor) {
  const gradOp: KernelRecord = {
    name: `${name}Grad`,
    calledBy: name,
    kind: 'kernel',
    infer: ([y]) => ({ shape: y!.shape, dtype: y!.dtype }),
    emit: (e) => e.instruction('softmax_grad', [e.output()], [e.input(0), e.input(1)], [log]),
    gradient: throughComposition(slope),
    saves: { inputs: [0, 1] },
    tolerance: EXPONENTIALS,
    examples: () => SHAPES.map((shape) => example([{ shape, from: log ? -4 : 0, to: log ? 0 : 1 }, { shape }])),
  };
  const op: KernelRecord = {
    name,
    kind: 'kernel',
    infer: ([x]) => {
      checkDType(name, x!, FLOAT);
      return { shape: x!.shape, dtype: x!.dtype };
    },
    emit: (e) => e.instruction('softmax', [e.output()], [e.input(0)], [log], softmaxCost(sizeOf(e.shape(0)))),
    gradient: ([dy], y) => [record(gradOp, [y, dy])],
    saves: { outputs: [0] },
    tolerance: EXPONENTIALS,
    examples: () => [...SHAPES.map((shape) => example([{ shape, from: -5, to: 5 }])), example([{ shape: [9, 7], from: -5, to: 5, as: 'view' }])],
  };
  return { op, gradOp };
}

export const { op: softmaxOp, gradOp: softmaxGradOp } = softmaxOps('softmax', 0, softmaxSlope);
export const { op: logSoftmaxOp, gradOp: logSoftmaxGradOp } = softmaxOps('logSoftmax', 1, logSoftmaxSlope);

/** Records an op that works along the last axis for any axis, by swapping the two. */
function alongAxis(op: KernelRecord, x: Tensor, axis: number): Tensor {
  checkTensor(op.name, x);
  const at = resolveAxis(op.name, axis, x.shape, rankOrOne(x.shape));
  if (x.shape.length === 0) return reshape(record(op, [reshape(x, [1])]), []);
  const last = x.shape.length - 1;
  return at === last ? record(op, [x]) : transpose(record(op, [transpose(x, at, last)]), at, last);
}

export const logSumExpOp = composite<{ readonly axes: readonly number[]; readonly keepdim: boolean }>({
  name: 'logSumExp',
  infer: ([x], { axes, keepdim }) => {
    checkDType('logSumExp', x!, FLOAT);
    if (axes.some((axis) => x!.shape[axis] === 0)) throw nothingToReduce('logSumExp', x!.shape);
    return { shape: keepdim ? keptShape(x!.shape, axes) : x!.shape.filter((_, d) => !axes.includes(d)), dtype: x!.dtype };
  },
  decompose: ([x], { axes, keepdim }) => {
    const axis = axes.length === 0 ? undefined : axes;
    const largest = max(detach(x!), { axis, keepdim: true });
    const shift = where(less(abs(largest), Infinity), largest, 0) as Tensor;
    const logs = log(sum(exp(sub(x!, shift)), { axis, keepdim }));
    return add(logs, reshape(shift, logs.shape)) as Tensor;
  },
  saves: { inputs: [0] },
  tolerance: EXPONENTIALS,
  examples: () => [...SHAPES.filter((shape) => !shape.includes(0)).map((shape) => example([{ shape, from: -5, to: 5 }], { axes: [shape.length - 1], keepdim: false })), example([{ shape: [3, 5], from: -5, to: 5 }], { axes: [0, 1], keepdim: true })],
});

/** exp(x) / sum exp(x) along `axis`, stable at large x; float32. As torch.softmax, whose dim has no default. */
export function softmax<S extends Shape, D extends DType>(x: Tensor<S, D>, axis = -1): Tensor<S, D> {
  return alongAxis(softmaxOp, x, axis) as unknown as Tensor<S, D>;
}

/** log softmax(x) along `axis`, stable at large x; float32. As torch.log_softmax, whose dim has no default. */
export function logSoftmax<S extends Shape, D extends DType>(x: Tensor<S, D>, axis = -1): Tensor<S, D> {
  return alongAxis(logSoftmaxOp, x, axis) as unknown as Tensor<S, D>;
}

/**
 * log sum exp(x) over `axis` (all, where left out), stable at large x; float32. -infinity of nothing but -infinities. As torch.logsumexp,
 * whose dim has no default.
 */
export function logSumExp<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, D> {
  checkOptions('logSumExp', options, ['axis', 'keepdim']);
  const { axis, keepdim = false } = (options ?? {}) as ReduceOptions;
  checkTensor('logSumExp', x);
  return record(logSumExpOp, [x], { axes: resolveAxes('logSumExp', axis, x.shape), keepdim });
}

export const softmaxFamilyOps = {
  softmax: softmaxOp,
  softmaxGrad: softmaxGradOp,
  logSoftmax: logSoftmaxOp,
  logSoftmaxGrad: logSoftmaxGradOp,
  logSumExp: logSumExpOp,
};
