import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { example } from './examples.js';
import type { EffectRecord } from './record.js';
import { EXACT } from './tolerance.js';

/** Overwrites memory that outlives steps with a value of the same shape. Inputs: the memory, the value. */
export const storeOp: EffectRecord = {
  name: 'store',
  kind: 'effect',
  writes: () => [0],
  infer: ([target]) => ({ shape: target!.shape, dtype: target!.dtype }),
  emit: (e) => e.instruction('copy', [e.input(0)], [e.input(1)]),
  gradient: { none: 'it writes memory' },
  tolerance: EXACT,
  examples: () => ([[0], [1], [17], [], [3, 5]] as Shape[]).map((shape) => example([{ shape }, { shape }])),
};

/** An effect that overwrites `target`, after all readers of its old value, with `value`. */
export function store(target: Tensor, value: Tensor): Tensor {
  return record(storeOp, [target, value]);
}

export const storeOps = { store: storeOp };
