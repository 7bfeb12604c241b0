import { namedTensors, tensorsOf } from '../records.js';
import type { Tensor } from '../tensor.js';
import type { AnyBatch } from './step.js';

/** Returns in words which example of a batch has an element that is not finite; undefined where all are finite. */
export async function faultyExample(batch: AnyBatch): Promise<string | undefined> {
  const [inputs, targets] = batch;
  const [first] = tensorsOf(inputs);
  const parts: readonly (readonly [string, Tensor | undefined])[] = [...namedTensors('x', inputs), ...namedTensors('y', targets), ['weights', batch.weights]];
  for (const [what, tensor] of parts) {
    if (tensor === undefined || tensor.dtype !== 'float32') continue;
    const values = await tensor.data();
    const at = values.findIndex((value: number) => !Number.isFinite(value));
    if (at < 0) continue;
    const one = values.length / tensor.shape[0]!;
    const row = Math.floor(at / one);
    return `element ${at % one} of ${what} is ${values[at]} in ${first?.origin$?.describe(row) ?? `row ${row} of the batch`}`;
  }
  return undefined;
}
