import type { DType, TypedArray } from '../../src/dtype.js';
import { dtypes } from '../../src/dtype.js';
import { record } from '../../src/graph/recorder.js';
import { fromArray, inputLeaf, slots } from '../../src/ops/leaf.js';
import type { Example, OpRecord } from '../../src/ops/record.js';
import { showShape, sizeOf, type Shape } from '../../src/shape.js';
import { Tensor } from '../../src/tensor.js';

/** Numbers in [0, 1) from a 32-bit generator: the same on every machine. */
export function generator(seed: number): () => number {
  let state = (Math.imul(seed, 2654435761) + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

type Given = Example['inputs'][number];

function drawn({ shape, dtype = 'float32', from, to }: Given, next: () => number): TypedArray {
  const array = new dtypes[dtype].array(sizeOf(shape));
  const low = from ?? (dtype === 'float32' ? -1 : 0);
  const high = to ?? (dtype === 'float32' ? 1 : 2);
  for (let i = 0; i < array.length; i++) {
    const value = low + (high - low) * next();
    array[i] = dtype === 'float32' ? value : Math.floor(value);
  }
  return array;
}

/** A leaf over an array; one of floats is differentiated, unlike those of users, who have parameters for that. */
function leaf(data: TypedArray, shape: Shape, dtype: DType): Tensor {
  if (dtype !== 'float32') return fromArray(data, shape, dtype);
  const tensor = new Tensor(inputLeaf, [], undefined, { shape, dtype }, true, 0);
  tensor.data$ = data;
  return tensor;
}

/** One example of an op, ready to run. */
export interface Operation {
  readonly output: Tensor;
  /** The arrays that it starts from. */
  readonly leaves: readonly Tensor[];
}

/** Draws the operands of an example and records the op on them. */
export function operation(op: OpRecord, example: Example, seed = 1): Operation {
  const next = generator(seed);
  const leaves: Tensor[] = [];
  const inputs = example.inputs.map((given) => {
    const dtype = given.dtype ?? 'float32';
    const stored = given.as === 'view' ? given.shape.toReversed() : given.shape;
    const made = leaf(drawn({ ...given, shape: stored }, next), stored, dtype);
    leaves.push(made);
    return given.as === 'view' ? made.permute(stored.map((_, d) => d).toReversed()) : made;
  });
  return { output: record(op, inputs, example.attrs), leaves };
}

/** Names an example in a report. */
export function title({ inputs, attrs }: Example): string {
  const operands = inputs.map(({ shape, dtype, as }) => `${showShape(shape)}${dtype === undefined ? '' : ` ${dtype}`}${as === undefined ? '' : ' transposed'}`);
  return `${operands.join(', ')}${attrs === undefined ? '' : ` ${JSON.stringify(attrs)}`}`;
}

/** An optimizer's numbers. */
export const hyper = (...values: number[]): Tensor => slots(values, 'float64');
