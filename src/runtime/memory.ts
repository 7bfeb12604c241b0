import { ArgumentError, OutOfMemoryError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { withUnit } from '../with-unit.js';
import { loadNative } from './binding.js';
import type { RunError } from './session.js';

/** Native memory of this process, in bytes, of all its threads. */
export interface MemoryUse {
  /** All of it now: the sum of `kinds`. */
  readonly native: number;
  /** The most that there has been at once. */
  readonly peak: number;
  readonly kinds: {
    /** Parameters and buffers, gradients that are kept, states of optimizers. */
    readonly weights: number;
    /** Results that outlive what computed them: kept tensors, values saved for a later `backward()`. */
    readonly saved: number;
    /** Temporaries of plans: one block for all plans of a session, as large as the largest needs. */
    readonly plans: number;
    /** Examples of data sets. */
    readonly data: number;
  };
  /** Resident memory of the process, JavaScript's included. Native memory that nothing has been written to yet is no part of it. */
  readonly rss: number;
  /** The most native memory that there may be: what `setMemoryLimit` has set, else what the machine and the container leave. Infinity where nothing is known. */
  readonly limit: number;
}

/**
 * Returns how much native memory there is, for what, and how much there may be.
 *
 *     const { native, peak, limit } = memory();
 *     console.log(native <= peak, peak <= limit);
 */
export function memory(): MemoryUse {
  const { weights, saved, plans, data, total, peak, limit } = loadNative().addon.memoryUse();
  return { native: total, peak, kinds: { weights, saved, plans, data }, rss: process.memoryUsage.rss(), limit: limit >= Number.MAX_SAFE_INTEGER ? Infinity : limit };
}

/**
 * Sets the most native memory that this process may have, in bytes; `undefined`: what the machine and the container leave, as without a call. An
 * allocation above it throws OutOfMemoryError and changes nothing; what is there already stays. Infinity leaves it to the operating system, which may
 * end the process. Throws ArgumentError for anything but a number of at least 1.
 *
 *     setMemoryLimit(2 * 1024 ** 3);
 *     setMemoryLimit(undefined);
 */
export function setMemoryLimit(bytes: number | undefined): void {
  if (bytes !== undefined && !(typeof bytes === 'number' && bytes >= 1)) {
    throw new ArgumentError(`[setMemoryLimit] bytes: got ${describeValue(bytes)}, expected a number of at least 1, or undefined for what the system leaves.`, { op: 'setMemoryLimit' });
  }
  loadNative().addon.setMemoryLimit(bytes === undefined ? 0 : Math.min(Math.floor(bytes), Number.MAX_SAFE_INTEGER));
}

/** The error of native memory that could not be had for `what`. */
export function outOfMemory(op: string, what: string, cause: RunError): OutOfMemoryError {
  const { where: bytes = 0, value: inUse = 0, limit = 0 } = cause.failure ?? {};
  const expected = limit === 0 ? 'what the system can give' : `at most ${withUnit(limit, 'B')} in all`;
  const text =
    `[${op}] out of memory: got ${withUnit(bytes, 'B')} for ${what}, beside ${withUnit(inUse, 'B')} in use, expected ${expected}. Nothing was changed. ` +
    'Use a smaller batch (with accumulate, steps stay as large) or a smaller model, dispose() of what is kept, or raise the limit: setMemoryLimit(bytes); memory() says what is in use.';
  return new OutOfMemoryError(text, { bytes, inUse, limit: limit === 0 ? Infinity : limit }, { op, cause });
}
