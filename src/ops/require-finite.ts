import { record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import { example } from './examples.js';
import type { EffectRecord } from './record.js';
import { EXACT } from './tolerance.js';

type Named = {
  /** Name of each input, for the error: that of a parameter whose gradient it is, or '' for a loss. */
  readonly names: readonly string[];
};

/** No result, but the run ends before its updates where an input holds NaN or an infinity. */
export const requireFiniteOp: EffectRecord<Named> = {
  name: 'requireFinite',
  kind: 'effect',
  writes: () => [],
  infer: () => ({ shape: [], dtype: 'float32' }),
  emit: (e) => e.instruction('require_finite', [], Array.from({ length: e.inputs }, (_, i) => e.input(i))),
  gradient: { none: 'it gives nothing' },
  tolerance: EXACT,
  examples: () => [example([{ shape: [] }], { names: [''] }), example([{ shape: [17] }, { shape: [3, 5] }, { shape: [0] }], { names: ['a', 'b', 'c'] })],
};

/** An effect that fails the step, before anything is updated, unless all of this is finite. */
export function requireFinite(inputs: readonly Tensor[], names: readonly string[]): Tensor {
  return record(requireFiniteOp, inputs, { names });
}

export const requireFiniteOps = { requireFinite: requireFiniteOp };
