import type { Emitter } from '../compiler/emitter.js';
import type { DType } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Indices, Reduce } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { abs, add, sub } from './arithmetic.js';
import { checkDType, FLOAT, resolveAxis } from './check.js';
import { less } from './compare.js';
import { example } from './examples.js';
import { exp, log } from './exponential.js';
import { reshaped, reshapedLayout } from './layouts.js';
import type { Example, KernelRecord, Tolerance } from './record.js';
import { max, sum, type Axis, type ReduceOptions } from './reductions.js';
import { where } from './select.js';
import { detach, permute, reshape, transpose } from './views.js';

/** Exponentials and a sum of them, each within a few units in the last place. */
const EXPONENTIALS: Tolerance = { absolute: 1e-6, relative: 1e-6 };

const SHAPES: readonly Shape[] = [[1], [7], [8], [9], [3, 10], [2, 33], [2, 3, 17], [4, 1], [0, 5], [1, 101]];

function softmaxOps(name: string, log: 0 | 1) {
  const gradOp: KernelRecord = {
    name: `${name}Grad`,
    kind: 'kernel',
    infer: ([y]) => ({ shape: y!.shape, dtype: y!.dtype }),
    emit: (e) => e.instruction('softmax_grad', [e.output()], [e.input(0), e.input(1)], [log]),
    gradient: { none: 'second derivatives are not offered' },
    tolerance: EXPONENTIALS,
    examples: SHAPES.map((shape) => example([{ shape, from: log ? -4 : 0, to: log ? 0 : 1 }, { shape }])),
  };
  const op: KernelRecord = {
    name,
    kind: 'kernel',
    infer: ([x]) => {
      checkDType(name, x!, FLOAT);
      return { shape: x!.shape, dtype: x!.dtype };
    },
    emit: (e) => e.instruction('softmax', [e.output()], [e.input(0)], [log], 50 + sizeOf(e.shape(0))),
    gradient: (dy, y) => [record(gradOp, [y, dy])],
    saves: { output: true },
    tolerance: EXPONENTIALS,
    examples: [...SHAPES.map((shape) => example([{ shape, from: -5, to: 5 }])), example([{ shape: [9, 7], from: -5, to: 5, as: 'view' }])],
  };
  return { op, gradOp };
}

export const { op: softmaxOp, gradOp: softmaxGradOp } = softmaxOps('softmax', 0);
export const { op: logSoftmaxOp, gradOp: logSoftmaxGradOp } = softmaxOps('logSoftmax', 1);

/** Records an op that works along the last axis for any axis, by swapping the two. */
function alongAxis(op: KernelRecord, x: Tensor, axis: number): Tensor {
  const at = resolveAxis(op.name, axis, x.shape);
  const last = x.shape.length - 1;
  return at === last ? record(op, [x]) : transpose(record(op, [transpose(x, at, last)]), at, last);
}

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
  checkDType('logSumExp', x as Tensor, FLOAT);
  const values = x as unknown as Tensor<Shape, 'float32'>;
  const largest = max(detach(values), { axis, keepdim: true });
  const shift = where(less(abs(largest), Infinity), largest, 0);
  const logs = log(sum(exp(sub(values, shift)), { axis, keepdim }));
  return add(logs, reshape(shift, logs.shape)) as unknown as Tensor<Reduce<S, A, K>, D>;
}

/** Logits and labels as the instruction takes them, [N, C] and [N], and its estimated time. */
function rowsOf(e: Emitter) {
  const [C, N] = [e.shape(0)[e.shape(0).length - 1]!, sizeOf(e.shape(1))];
  return { C, N, operands: [reshaped(e.input(0), [N, C]), reshaped(e.input(1), [N])], ns: 50 + N * (10 + C * 0.2) };
}

export const crossEntropyOp: KernelRecord = {
  name: 'crossEntropy',
  kind: 'kernel',
  infer: ([logits, labels]) => {
    checkDType('crossEntropy', logits!, FLOAT, 'logits');
    checkLabels(logits!, labels!);
    return { shape: labels!.shape, dtype: 'float32' };
  },
  emit: (e) => {
    const { N, operands, ns } = rowsOf(e);
    e.instruction('cross_entropy', [e.output(0, [N])], operands, [], ns);
  },
  gradient: (dy, node) => [record(crossEntropyGradOp, [node.inputs[0]!, node.inputs[1]!, dy]), undefined],
  saves: { inputs: [0, 1] },
  tolerance: EXPONENTIALS,
  examples: crossEntropyExamples(),
};

/** (softmax(logits) - onehot(labels)) dy: one instruction with the loss, unless dy is made of the loss. */
export const crossEntropyGradOp: KernelRecord = {
  name: 'crossEntropyGrad',
  kind: 'kernel',
  infer: ([logits]) => ({ shape: logits!.shape, dtype: 'float32' }),
  emit: (e) => emitGradient(e, undefined),
  joins: { op: crossEntropyOp, emit: emitGradient },
  gradient: { none: 'second derivatives are not offered' },
  tolerance: EXPONENTIALS,
  examples: crossEntropyExamples().map(({ inputs: [logits, labels] }) => example([logits!, labels!, { shape: labels!.shape }])),
};

function emitGradient(e: Emitter, loss: Emitter | undefined): void {
  const { C, N, operands, ns } = rowsOf(e);
  const dy = e.input(2, (layout) => reshapedLayout(layout, [N]) !== undefined);
  const factors = { buffer: dy.buffer, layout: reshapedLayout(dy.layout, [N])! };
  e.instruction('cross_entropy', [loss?.output(0, [N]), e.output(0, [N, C])], [...operands, factors], [], ns);
}

function crossEntropyExamples(): Example[] {
  const shapes: Shape[] = [[1, 1], [7, 10], [16, 9], [2, 3, 17], [5], [0, 4], [3, 101]];
  return shapes.map((shape) => example([{ shape, from: -5, to: 5 }, { shape: shape.slice(0, -1), dtype: 'int32', from: 0, to: shape[shape.length - 1]! }]));
}

function checkLabels(logits: Tensor, labels: Tensor): void {
  const shapes = [logits.shape, labels.shape];
  if (labels.dtype !== 'int32') {
    throw new DTypeError(
      `[crossEntropy] labels are no class indices: got ${labels.dtype} ${showShape(labels.shape)}, expected int32 ${showShape(logits.shape.slice(0, -1))}. ` +
        `Cast them: labels.cast('int32'); one-hot rows become indices by labels.argmax({ axis: -1 }).`,
      { op: 'crossEntropy', shapes },
    );
  }
  if (logits.shape.length === 0 || logits.shape[logits.shape.length - 1] === 0 || !sameShape(labels.shape, logits.shape.slice(0, -1))) {
    throw new ShapeError(
      `[crossEntropy] the shapes do not fit: got logits ${showShape(logits.shape)}, labels ${showShape(labels.shape)}, expected logits [..,C] and labels [..]. ` +
        `Name another class axis: { axis: 1 }.`,
      { op: 'crossEntropy', shapes },
    );
  }
}

export interface CrossEntropyOptions {
  /** The axis of the classes. Default -1; torch's is 1. */
  readonly axis?: number;
}

/**
 * The softmax cross-entropy of each example, in nats: L[n] = -log softmax(logits[n])[labels[n]].
 * logits [.., C] float32, labels [..] int32 in [0, C). Returns [..], stable at large logits. As torch.nn.functional.cross_entropy with
 * reduction 'none', but for the class axis.
 * Throws ShapeError, DTypeError here; IndexError when the step runs and a label is out of range.
 */
export function crossEntropy<D extends DType>(
  logits: Tensor,
  labels: Tensor<Shape, D> & Indices<'crossEntropy', 'labels', D>,
  options?: CrossEntropyOptions,
): Tensor<Shape, 'float32'> {
  checkOptions('crossEntropy', options, ['axis']);
  const axis = options?.axis ?? -1;
  const rank = logits.shape.length;
  if (axis === -1 || axis === rank - 1) return record(crossEntropyOp, [logits, labels]);
  const at = resolveAxis('crossEntropy', axis, logits.shape);
  const order = logits.shape.map((_, d) => d).filter((d) => d !== at);
  return record(crossEntropyOp, [permute(logits, [...order, at]), labels]);
}

export const softmaxFamily = [softmaxOp, softmaxGradOp, logSoftmaxOp, logSoftmaxGradOp, crossEntropyOp, crossEntropyGradOp];
