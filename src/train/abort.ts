import { AnnealError } from '../errors.js';

/** Throws when the signal says stop. */
export function throwIfAborted(op: string, signal: AbortSignal | undefined, where = ''): void {
  if (signal === undefined || !signal.aborted) return;
  throw new AnnealError('ANNEAL_ABORTED', `[${op}] stopped by its signal${where}. What was done until then stays.`, { op, cause: signal.reason });
}
