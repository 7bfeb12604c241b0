import { record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import { unaryExamples } from './examples.js';
import { storageLeaf } from './leaf.js';
import type { ViewRecord } from './record.js';
import { EXACT } from './tolerance.js';

export const aliasOp: ViewRecord = {
  name: 'alias',
  kind: 'view',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  view: (layout) => layout,
  gradient: ([dy]) => [dy],
  tolerance: EXACT,
  examples: () => unaryExamples(),
};

/**
 * The result of an op that has nothing to do: x. A parameter, or other memory that steps overwrite, is seen through a view instead, because
 * the result of an op is what it was when it was recorded, and only the parameter itself shows what it becomes.
 */
export function unchanged<T extends Tensor>(x: T): T {
  return x.op === storageLeaf ? record<T>(aliasOp, [x]) : x;
}
