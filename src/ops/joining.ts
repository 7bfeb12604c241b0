import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { anyLayout, part } from './emitter.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { SomeSizes } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { checkOperands, checkSameDType, resolveAxis } from './check.js';
import { example } from './examples.js';
import type { KernelRecord } from './record.js';
import { slice } from './slicing.js';
import { EXACT } from './tolerance.js';
import { unsqueeze } from './views.js';

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
  examples: () => [
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

export const joiningOps = { concat: concatOp };
