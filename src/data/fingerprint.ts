import type * as Crypto from 'node:crypto';
import { lazyRequire } from '../lazy-require.js';
import type { Field, SequenceField } from './dataset.js';
import { lengthsOf } from './sequences.js';

const crypto = lazyRequire<typeof Crypto>('node:crypto');

/** Number of examples that are looked at. */
const SAMPLES = 17;

/** A hash of some examples, spread over all of them, and of how many there are: other data of the same kind nearly always has another one. */
export function fingerprintOf(fields: readonly (Field | SequenceField)[], rows: Int32Array): string {
  const hash = crypto().createHash('sha256').update(`${rows.length}`);
  const some = Int32Array.from({ length: SAMPLES }, (_, i) => rows[Math.floor((i * (rows.length - 1)) / (SAMPLES - 1))]!);
  for (const field of fields) {
    if ('sequences' in field) {
      hash.update(lengthsOf(field.sequences, some));
      continue;
    }
    const one = field.shape.reduce((size, dim) => size * dim, 1);
    for (const row of some) hash.update(field.data.subarray(row * one, (row + 1) * one));
  }
  return hash.digest('hex').slice(0, 16);
}
