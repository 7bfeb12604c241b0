import { AbortError, ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';

/** Throws ArgumentError for what is no signal, such as the controller that has it: it would never stop anything. */
export function checkSignal(op: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal> | null)?.aborted === 'boolean') return;
  throw new ArgumentError(`[${op}] signal: got ${describeValue(signal)}, expected an AbortSignal, as in { signal: controller.signal }.`, { op });
}

/** Throws when the signal says stop. */
export function throwIfAborted(op: string, signal: AbortSignal | undefined, where = ''): void {
  if (signal === undefined || !signal.aborted) return;
  throw new AbortError(`[${op}] stopped by its signal${where}. What was done until then stays.`, { op, cause: signal.reason });
}
