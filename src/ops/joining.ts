import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { anyLayout, part } from '../compiler/emitter.js';
import { record } from '../graph/recorder.js';
import { checkRequired } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { SomeSizes } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { checkOperands, checkSameDType, checkTensor, resolveAxis } from './check.js';
import { example } from './examples.js';
import type { KernelRecord } from './record.js';
import { EXACT } from './tolerance.js';
import { slice, sliceOp, unsqueeze, type SliceAttrs } from './views.js';

const ALL: readonly DType[] = ['float32', 'int32', 'bool', 'uint8'];

export const concatOp: KernelRecord<{ readonly axis: number }> = {
  name: 'concat',
  kind: 'kernel',
  infer: (inputs, { axis }) => {
    checkSameDType('concat', inputs, ALL);
    const first = inputs[0]!.shape;
    let size = 0;
    for (const { shape } of inputs) {
      const fits = shape.length === first.length && shape.every((dim, d) => d === axis || dim === first[d]);
      if (!fits) throw doNotJoin('concat', inputs, `sizes that are equal but for axis ${axis}`);
      size += shape[axis]!;
    }
    return { shape: first.map((dim, d) => (d === axis ? size : dim)), dtype: inputs[0]!.dtype };
  },
  emit: (e, { axis }) => {
    const out = e.output()!;
    let start = 0;
    for (let i = 0; start < out.layout.shape[axis]!; i++) {
      const length = e.shape(i)[axis]!;
      if (length > 0) e.instruction('copy', [part(out, axis, start, length)], [e.input(i, anyLayout)]);
      start += length;
    }
  },
  gradient: ([dy], { inputs }, { axis }) => {
    let start = 0;
    return inputs.map(({ shape }) => slice(dy, start, (start += shape[axis]!), { axis }));
  },
  tolerance: EXACT,
  examples: [
    example([{ shape: [3] }, { shape: [5] }, { shape: [8] }], { axis: 0 }),
    example([{ shape: [2, 3] }, { shape: [2, 1] }], { axis: 1 }),
    example([{ shape: [0, 3] }, { shape: [7, 3], as: 'view' }], { axis: 0 }),
    example([{ shape: [2, 3], dtype: 'uint8' }, { shape: [2, 3], dtype: 'uint8' }], { axis: 0 }),
  ],
};

function doNotJoin(op: string, inputs: readonly Tensor[], expected: string): ShapeError {
  const shapes = inputs.map((input) => input.shape);
  return new ShapeError(`[${op}] the shapes do not fit together: got ${shapes.map(showShape).join(', ')}, expected ${expected}. Reshape or pad the odd one.`, { op, shapes });
}

export const padOp: KernelRecord<SliceAttrs> = {
  name: 'pad',
  kind: 'kernel',
  infer: ([x], { axis, size }) => ({ shape: x!.shape.map((dim, d) => (d === axis ? size : dim)), dtype: x!.dtype }),
  emit: (e, { axis, start, step }) => {
    const out = e.output()!;
    const x = e.input(0, anyLayout);
    e.instruction('fill', [out], [e.constant(0, out.buffer.dtype as DType)]);
    const length = e.shape(0)[axis]!;
    if (length > 0) e.instruction('copy', [part(out, axis, start, length, step)], [x]);
  },
  gradient: ([dy], { inputs: [x] }, { axis, start, step }) => [record(sliceOp, [dy], { axis, start, step, size: x!.shape[axis]! })],
  tolerance: EXACT,
  examples: [
    example([{ shape: [7] }], { axis: 0, start: 1, step: 1, size: 9 }),
    example([{ shape: [3, 4] }], { axis: 1, start: 1, step: 2, size: 9 }),
    example([{ shape: [3, 4], as: 'view' }], { axis: 0, start: 0, step: 1, size: 5 }),
    example([{ shape: [0, 4] }], { axis: 0, start: 0, step: 1, size: 2 }),
  ],
};

/** Zeros of `size` along an axis, with the elements of x at start, start + step, ... Undoes slice: that is what its gradient is. */
export function pad<S extends Shape, D extends DType>(x: Tensor<S, D>, attrs: SliceAttrs): Tensor<SomeSizes<S>, D> {
  checkTensor('pad', x);
  checkRequired('pad', attrs, ['axis', 'start', 'size', 'step']);
  const { start, step, size } = attrs;
  const axis = resolveAxis('pad', attrs.axis, x.shape);
  const length = x.shape[axis]!;
  if (![start, step, size].every(Number.isInteger)) {
    throw new ArgumentError(`[pad] a number is wrong: got start ${describeValue(start)}, step ${describeValue(step)}, size ${describeValue(size)}, expected whole numbers. Round them.`, { op: 'pad' });
  }
  if (start < 0 || step < 1 || size < 0 || (length > 0 && start + (length - 1) * step >= size)) {
    throw new ArgumentError(`[pad] the elements do not fit: got ${length} from ${start} on with step ${step}, expected all below the size ${size}. Give a larger size.`, {
      op: 'pad',
      shapes: [x.shape],
    });
  }
  return record(padOp, [x], { axis, start, step, size });
}

/** Tensors one behind the other along an existing axis; equal sizes elsewhere. As torch.cat. */
export function concat<T extends readonly Tensor[]>(tensors: T, axis = 0): Tensor<SomeSizes<T[number]['shape']>, T[number]['dtype']> {
  checkSome('concat', tensors);
  const at = resolveAxis('concat', axis, tensors[0]!.shape);
  return record(concatOp, tensors, { axis: at });
}

/** Tensors of one shape one behind the other along a new axis. As torch.stack. */
export function stack<S extends Shape, D extends DType>(tensors: readonly Tensor<S, D>[], axis = 0): Tensor<Shape, D> {
  checkSome('stack', tensors);
  const { shape } = tensors[0]!;
  if (!tensors.every((one) => sameShape(one.shape, shape))) throw doNotJoin('stack', tensors, 'one shape');
  const at = resolveAxis('stack', axis, shape, shape.length + 1);
  return record(concatOp, tensors.map((one) => unsqueeze(one, at)), { axis: at });
}

function checkSome(op: string, tensors: readonly Tensor[]): void {
  if (Array.isArray(tensors) && tensors.length > 0) return checkOperands(op, tensors);
  throw new ArgumentError(`[${op}] there are no tensors: got ${Array.isArray(tensors) ? 'an empty array' : describeValue(tensors)}, expected an array of at least one. Pass [a, b].`, { op });
}

export const joiningOps = [concatOp, padOp];
