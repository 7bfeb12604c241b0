import { mean, sum } from '../ops/index.js';
import { checkChoice } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** What becomes of the losses of single elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

/** The shape of a loss. */
export type Reduced<R extends Reduction> = R extends 'none' ? Shape : [];

export function reduce(op: string, losses: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkChoice(op, 'reduction', reduction, ['mean', 'sum', 'none']);
  return reduction === 'none' ? losses : reduction === 'sum' ? sum(losses) : mean(losses);
}
