import type { Example, ViewRecord } from './record.js';
import { EXACT } from './tolerance.js';

/**
 * An operand of what is computed again, as it is: the first input. The others are gradients, which have to be there before: so nothing is computed again earlier than its
 * gradient rules can run, and nothing is the same node as in the forward pass. XLA calls this an optimization barrier.
 */
export const recomputeOperandOp: ViewRecord = {
  name: 'recompute',
  kind: 'view',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  view: (layout) => layout,
  gradient: ([dy]) => [dy],
  tolerance: EXACT,
  examples: (): Example[] => [{ inputs: [{ shape: [3, 2] }, { shape: [5] }] }, { inputs: [{ shape: [2, 3], as: 'view' }, { shape: [] }, { shape: [1] }] }],
};

export const recomputeOps = { recompute: recomputeOperandOp };
