import { addOp } from '../ops/arithmetic.js';
import { coalesce, type TableRows } from '../ops/coalesce.js';
import { scatterAddOp } from '../ops/indexing.js';
import { concat } from '../ops/joining.js';
import type { Tensor } from '../tensor.js';

/**
 * The rows of a table's gradient that are not left at zero, where they are known without making it: it is a sum of what was scattered to rows. Their
 * values are the gradient's, bit for bit, as the sums are the same in the same order. Undefined for any other gradient.
 */
export function rowGradient(gradient: Tensor): TableRows | undefined {
  const { op, inputs, attrs } = gradient;
  if (op === scatterAddOp && attrs!['axis'] === 0) return coalesce(inputs[0]!, inputs[1]!, attrs!['size'] as number);
  if (op !== addOp) return undefined;
  const [a, b] = inputs.map(rowGradient);
  if (a === undefined || b === undefined) return undefined;
  return coalesce(concat([a.rows, b.rows]) as Tensor, concat([a.values, b.values]) as Tensor, gradient.shape[0]!, true);
}
