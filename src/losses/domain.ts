// Targets that a loss has no meaning for: found when the step runs, as labels out of range are. PyTorch checks some of them, and computes on with the others.
import { abs, equal, greater, less, logicalAnd, logicalOr, notEqual } from '../ops/index.js';
import { gatherRowsOp } from '../ops/indexing.js';
import { requireDomain } from '../ops/require-domain.js';
import type { TypedArray } from '../dtype.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** The numbers that a loss takes. NaN is in all of them: it shows in the loss. */
export interface Domain {
  readonly words: string;
  excludes(value: number): boolean;
  /** The same of every element. */
  outside(x: Tensor): Tensor;
}

export const PROBABILITIES: Domain = {
  words: 'numbers in [0, 1]',
  excludes: (value) => value < 0 || value > 1,
  outside: (x) => logicalOr(less(x, 0), greater(x, 1)) as Tensor,
};

export const NOT_NEGATIVE: Domain = {
  words: 'numbers of at least 0',
  excludes: (value) => value < 0,
  outside: (x) => less(x, 0) as Tensor,
};

export const SIGNS: Domain = {
  words: '-1 or 1',
  excludes: (value) => value !== 1 && value !== -1 && !Number.isNaN(value),
  outside: (x) => logicalAnd(notEqual(abs(x), 1), equal(x, x)) as Tensor,
};

/**
 * x itself, of which every element has to be in the domain: else the step fails with DataError. What is known to be, because it stands in an array that
 * was looked through once, costs nothing more.
 */
export function within(op: string, x: Tensor, domain: Domain, what = 'targets'): Tensor {
  if (x.dtype !== 'float32' || sizeOf(x.shape) === 0) return x;
  const array = arrayOf(x);
  if (array !== undefined && isWithin(array, domain)) return x;
  return requireDomain(x, (each) => domain.outside(each), { op, what, domain: domain.words, located: array !== undefined });
}

/** The array that all elements of a tensor come from, where that is known. */
function arrayOf(x: Tensor): TypedArray | undefined {
  let at = x;
  while (at.inputs.length > 0) {
    const rows = at.op === gatherRowsOp && at.inputs.length === 2;
    if (at.op.kind !== 'view' && !rows) return undefined;
    at = at.inputs[0]!;
  }
  return at.data$;
}

const looked = new WeakMap<TypedArray, Map<Domain, boolean>>();

function isWithin(array: TypedArray, domain: Domain): boolean {
  let known = looked.get(array);
  if (known === undefined) looked.set(array, (known = new Map()));
  let fine = known.get(domain);
  if (fine === undefined) known.set(domain, (fine = !array.some((value: number) => domain.excludes(value))));
  return fine;
}
