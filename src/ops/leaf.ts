import type { DType, TypedArray } from '../dtype.js';
import type { Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { currentVersion } from '../graph/version.js';
import type { LeafRecord, OutputRecord } from './record.js';

const EXACT = { absolute: 0, relative: 0 };
const fromOutside = { none: 'it comes from outside the graph' };

function leafRecord(name: string): LeafRecord {
  return {
    name,
    kind: 'leaf',
    infer: () => {
      throw new Error(`${name} is made with its shape, not inferred`);
    },
    gradient: fromOutside,
    tolerance: EXACT,
    examples: () => [],
  };
}

/** A JavaScript array that the user handed over. */
export const inputLeaf = leafRecord('input');
/** A JavaScript array of which each iteration of a repeated program reads the next part. */
export const sequenceLeaf: LeafRecord = { ...leafRecord('sequence'), perIteration: true };
/** Runtime numbers: the user's scalars, lr, step counts, random keys. They never become part of a plan. */
export const slotLeaf = leafRecord('slot');
/** The number 1 at which gradients begin. No slot, of which a plan may not know the value. */
export const oneLeaf: LeafRecord = { ...leafRecord('one'), constant: 1 };
/** A stand-in for a value that is not there yet; see graph/recorded-rule.ts. */
export const placeholderLeaf = leafRecord('placeholder');
/** Native memory that outlives steps: parameters, buffers, optimizer state, kept tensors. */
export const storageLeaf = leafRecord('storage');

/** An output of a node behind its first; see outputOf() in graph/recorder.ts. Autodiff hands its gradient to the node. */
export const outputOp: OutputRecord = {
  name: 'output',
  kind: 'output',
  infer: ([node], { index }) => node!.more[index - 1]!,
  tolerance: EXACT,
  examples: () => [],
  gradient: { none: 'it belongs to the node' },
};

export const leafOps = { input: inputLeaf, sequence: sequenceLeaf, slot: slotLeaf, one: oneLeaf, placeholder: placeholderLeaf, storage: storageLeaf, output: outputOp };

/** A tensor over an array. The array is taken as it is: callers that got it from a user copy it first. */
export function fromArray<S extends Shape, D extends DType>(data: TypedArray, shape: S, dtype: D): Tensor<S, D> {
  const tensor = new Tensor(inputLeaf, [], undefined, { shape, dtype }, false, currentVersion());
  tensor.data$ = data;
  return tensor as unknown as Tensor<S, D>;
}

/** The part of `data` that a step reads, of this shape; when the step is repeated, the next one reads what follows. */
export function sequence(data: TypedArray, shape: Shape, dtype: DType): Tensor {
  const tensor = new Tensor(sequenceLeaf, [], undefined, { shape, dtype }, false, currentVersion());
  tensor.data$ = data;
  return tensor;
}

/** Runtime numbers as a tensor; `values` is read anew whenever the tensor runs. */
export function slots(values: ArrayLike<number>, dtype: 'float32' | 'int32' | 'float64', shape: Shape = [values.length]): Tensor {
  const tensor = new Tensor(slotLeaf, [], undefined, { shape, dtype: dtype as DType }, false, currentVersion());
  tensor.slots$ = values;
  return tensor;
}

/** The gradient of a loss with respect to itself. */
export const one = new Tensor(oneLeaf, [], undefined, { shape: [], dtype: 'float32' }, false, 0);
one.slots$ = [1];

/** Numbers of the gradient rules that are composed now, by dtype and value. */
let shared: Map<string, Tensor> | undefined;

/** A number as an operand: a slot, so that another number on the next step makes no new plan. */
export function scalar(value: number, dtype: 'float32' | 'int32'): Tensor<readonly [], 'float32'> {
  if (shared === undefined) return slots([value], dtype, []) as unknown as Tensor<readonly [], 'float32'>;
  const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`;
  let number = shared.get(key);
  if (number === undefined) shared.set(key, (number = slots([value], dtype, [])));
  return number as unknown as Tensor<readonly [], 'float32'>;
}

/** Runs `fn`, which composes gradient rules: equal numbers are one tensor, as a fused chain has few inputs, and each number is set on every run. */
export function sharingNumbers<R>(fn: () => R): R {
  const before = shared;
  shared ??= new Map();
  try {
    return fn();
  } finally {
    shared = before;
  }
}
