import { record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import { codes } from '../ops/codes.js';
import type { EffectRecord } from '../ops/record.js';

/** Adds a gradient to what its accumulator holds. */
export const accumulateRecord: EffectRecord<never> = {
  name: 'accumulate',
  kind: 'effect',
  writes: () => [0],
  infer: ([accumulator]) => ({ shape: accumulator!.shape, dtype: accumulator!.dtype }),
  gradient: { none: 'it writes memory' },
  tolerance: { absolute: 0, relative: 0 },
  examples: [],
  emit(e) {
    const sum = e.input(0);
    e.instruction('pointwise', [sum], [sum, e.input(1)], [1, e.opcode('add'), 0, 1, codes.format.none, 2]);
  },
};

export function accumulate(accumulator: Tensor, gradient: Tensor): Tensor {
  return record(accumulateRecord, [accumulator, gradient]);
}
