import type { Value } from '../ops/emitter.js';
import type { Buffer, Lowered } from './instructions.js';

/** Pass: the same program in float64, for finite differences through the references. */
export function widen(lowered: Lowered): Lowered {
  const buffers = lowered.buffers.map((buffer): Buffer => (buffer.dtype === 'float32' ? { ...buffer, dtype: 'float64' } : buffer));
  const wide = (value: Value | undefined): Value | undefined =>
    value === undefined ? undefined : { buffer: buffers[value.buffer.id]!, layout: value.layout };
  return {
    buffers,
    instructions: lowered.instructions.map((instruction) => ({
      ...instruction,
      outputs: instruction.outputs.map(wide),
      inputs: instruction.inputs.map(wide),
    })),
  };
}
