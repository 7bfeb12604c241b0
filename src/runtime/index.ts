import { ArgumentError } from '../errors.js';
import { engine, provideEngine } from '../graph/engine.js';
import { setEager } from '../graph/recorder.js';
import { pendingOutputs, dropResolved } from '../graph/pending-outputs.js';
import { abandonSuspended } from '../graph/suspended-outputs.js';
import { checkOptions } from '../options.js';
import { loadNative, type NativeInfo } from './binding.js';
import { EagerMode } from './eager.js';
import { RuntimeEngine } from './engine.js';
import { plannedMode } from './mode.js';
import { watchAfter } from './watchdog.js';

export { memory, setMemoryLimit, type MemoryUse } from './memory.js';

export interface Configuration {
  /** Run every op at once, on its own, through its reference: slow, but an error or a NaN shows at the call that made it. */
  readonly debug?: boolean | undefined;
  /**
   * A step whose losses or gradients are not all finite rejects with DivergenceError, and changes nothing: one more read of the gradients.
   * With debug: the first op whose result is NaN or infinite throws AnnealError (ANNEAL_NON_FINITE) at the call that made it.
   */
  readonly checkFinite?: boolean | undefined;
  /** Time in seconds after which a step or prediction that does not end is named in a warning of the process (ANNEAL_STEP_HANGS), once; default 60, Infinity: never. */
  readonly watchdogSeconds?: number | undefined;
}

let debugging: boolean | undefined;

/**
 * Sets how this environment runs what is recorded. Call it first: a change of `debug` changes the memory that things are in, and to use a parameter, a
 * kept tensor or an optimizer's state from before throws AnnealError (ANNEAL_OTHER_SESSION). `checkFinite` may change at any time.
 * `ANNEAL_DEBUG=1` in the environment does the same as `configure({ debug: true })`.
 */
export function configure(options: Configuration): void {
  checkOptions('configure', options, ['debug', 'checkFinite', 'watchdogSeconds']);
  const { debug = false, checkFinite = false, watchdogSeconds = 60 } = options;
  watchAfter(watchdogSeconds);
  setEager(undefined);
  if (debug !== debugging) leaveBehind();
  debugging = debug;
  // Eager mode from the very first op on; planned mode, with the addon, when it is needed.
  if (debug) new RuntimeEngine(new EagerMode(undefined, checkFinite), checkFinite).install();
  else provideEngine(() => new RuntimeEngine(plannedMode(), checkFinite));
}

/** No step of this mode delivers what has been computed: it is in the memory of the mode before. What is kept there stays. */
function leaveBehind(): void {
  for (const tensor of pendingOutputs()) if (tensor.kept$ && tensor.storage$ !== undefined) tensor.inputs = [];
  dropResolved(({ storage$ }) => storage$ !== undefined);
  abandonSuspended();
}

configure({ debug: process.env['ANNEAL_DEBUG'] === '1' });

export interface Info extends NativeInfo {
  /** The file of the native addon. */
  readonly binary: string;
}

/** Returns what runs here: version, binary, instruction set and its vector width, threads, compiler, CPU. `npx anneal info` prints it, with measured speeds. */
export function info(): Info {
  const { addon, file } = loadNative();
  return { ...addon.info(), binary: file };
}

/** Sets how many cores all sessions of this process may use together, at least 1. The number never changes results. */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new ArgumentError(`[setThreads] got ${count}, expected an integer of at least 1.`, { op: 'setThreads' });
  loadNative().addon.setThreads(count);
}

/** Resolves when everything submitted so far has run; rejects with its first error. */
export function synchronize(): Promise<void> {
  return engine().synchronize();
}
