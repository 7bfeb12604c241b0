import { ELEMENTWISE, elementwiseAttrs } from './emitter.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { addOp } from './arithmetic.js';
import { example } from './examples.js';
import type { EffectRecord } from './record.js';
import { EXACT } from './tolerance.js';

/** Adds a gradient to what its accumulator holds. */
export const accumulateOp: EffectRecord = {
  name: 'accumulate',
  kind: 'effect',
  writes: () => [0],
  infer: ([accumulator]) => ({ shape: accumulator!.shape, dtype: accumulator!.dtype }),
  gradient: { none: 'it writes memory' },
  tolerance: EXACT,
  examples: () => ([[0], [1], [17], [], [3, 5]] as Shape[]).map((shape) => example([{ shape }, { shape }])),
  emit(e) {
    const sum = e.input(0);
    e.instruction(ELEMENTWISE, [sum], [sum, e.input(1)], elementwiseAttrs([{ opcode: e.opcode(addOp.opcode), operands: [0, 1] }], [2]));
  },
};

/** An effect that adds `gradient` to `accumulator`. */
export function accumulate(accumulator: Tensor, gradient: Tensor): Tensor {
  return record(accumulateOp, [accumulator, gradient]);
}

export const accumulateOps = { accumulate: accumulateOp };
