import { record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import type { EffectRecord } from './record.js';

/** Overwrites memory that outlives steps with a value of the same shape. Inputs: the memory, the value. */
const storeOp: EffectRecord = {
  name: 'store',
  kind: 'effect',
  writes: () => [0],
  infer: ([target]) => ({ shape: target!.shape, dtype: target!.dtype }),
  emit: (e) => e.instruction('copy', [e.input(0)], [e.input(1)]),
  gradient: { none: 'it writes memory' },
  tolerance: { absolute: 0, relative: 0 },
  examples: [],
};

/** An effect that overwrites `target`, after all readers of its old value, with `value`. */
export function store(target: Tensor, value: Tensor): Tensor {
  return record(storeOp, [target, value]);
}
