import { describeValue } from '../describe-value.js';
import { AbortError, ArgumentError } from '../errors.js';
import { Terminated } from './shutdown.js';

/** Throws ArgumentError for what is no signal, such as the controller that has it: it would never stop anything. */
export function checkSignal(op: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal> | null)?.aborted === 'boolean') return;
  throw new ArgumentError(`[${op}] signal: got ${describeValue(signal)}, expected an AbortSignal, as in { signal: controller.signal }.`, { op });
}

/** Throws when the signal says stop. */
export function throwIfAborted(op: string, signal: AbortSignal | undefined, where = ''): void {
  if (signal === undefined || !signal.aborted) return;
  const reason: unknown = signal.reason;
  const by = reason instanceof Terminated ? reason.signal : 'its signal';
  throw new AbortError(`[${op}] stopped by ${by}${where}. What was done until then stays.`, { op, cause: reason });
}

const STOP = Symbol('stop');

/**
 * Yields what a source gives until the signal says stop, also while the source keeps everybody waiting. Then it ends early: its user
 * has to look at the signal.
 */
export async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
  if (signal === undefined) {
    yield* source;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let interrupt: (() => void) | undefined;
  const onAbort = (): void => interrupt?.();
  signal.addEventListener('abort', onAbort);
  let waiting = false;
  try {
    while (!signal.aborted) {
      waiting = true;
      const item = await new Promise<IteratorResult<T, unknown> | typeof STOP>((resolve, reject) => {
        interrupt = () => resolve(STOP);
        iterator.next().then(resolve, reject);
      });
      if (item === STOP) return;
      waiting = false;
      if (item.done === true) return;
      yield item.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    const closed = iterator.return?.();
    // A source that does not answer closes once it does; nobody waits for that.
    if (waiting) closed?.catch(() => undefined);
    else await closed;
  }
}
