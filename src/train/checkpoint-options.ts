import { directoryOf, lastOf, type CheckpointsOptions } from '../checkpoint/checkpoints.js';
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkPath } from '../io/check-path.js';
import { checkChoice, checkOptions, checkRequired } from '../options.js';

/** Checkpoints of a fit(). Without any of the three intervals one is written after every epoch; a last one always is when fit() ends or is stopped. */
export interface FitCheckpointOptions {
  /** Directory of this fit() alone. Made where it is not there. */
  readonly dir: string | URL;
  /** Steps of this fit() between two checkpoints. */
  readonly everySteps?: number | undefined;
  /** Seconds between two checkpoints, at least: the step that is under way ends first. */
  readonly everySeconds?: number | undefined;
  readonly everyEpochs?: number | undefined;
  readonly keep?:
    | (CheckpointsOptions['keep'] & {
        /** Result that is monitored after each epoch, such as `validation.loss`: the best one is kept as best.safetensors. */
        readonly best?: string | undefined;
      })
    | undefined;
}

/** Difference that may be ignored: the version of the library, what is trained on and in what batches, and options of the optimizer and of fit(). */
export type Ignorable = (typeof IGNORABLE)[number];
const IGNORABLE = ['library', 'data', 'options'] as const;

export interface ResumeOptions {
  /** 'latest': the latest whole checkpoint of the directory, if there is one; or the path of one. */
  readonly from: string | URL;
  /**
   * Differences between what was saved and what is here that are no error. 'library': other versions may leave other bits. 'data': the epoch that was under way begins anew. 'options':
   * those of here count.
   */
  readonly ignore?: readonly Ignorable[] | undefined;
}

/** Options of checkpoints, complete. */
export interface CheckpointSetup {
  readonly directory: string;
  readonly everySteps: number;
  readonly everySeconds: number;
  readonly everyEpochs: number;
  readonly last: number;
  readonly best: string | undefined;
}

export interface ResumeSetup {
  readonly from: string;
  readonly ignore: readonly Ignorable[];
}

/** Throws ArgumentError, and AnnealError for an unknown option. */
export function checkpointSetup(options: FitCheckpointOptions | undefined): CheckpointSetup | undefined {
  if (options === undefined) return undefined;
  const op = 'fit checkpoint';
  checkRequired(op, options, ['dir', 'everySteps', 'everySeconds', 'everyEpochs', 'keep']);
  const { dir, everySteps, everySeconds, everyEpochs, keep } = options;
  if (dir === undefined) throw new ArgumentError(`[fit] checkpoint.dir: got none, expected the path of a directory, as in { dir: 'runs/first' }.`, { op: 'fit' });
  checkCount('everySteps', everySteps);
  checkCount('everyEpochs', everyEpochs);
  if (everySeconds !== undefined && !(typeof everySeconds === 'number' && everySeconds > 0)) throw interval('everySeconds', everySeconds, 'a number above 0');
  const last = lastOf('fit checkpoint', keep, ['last', 'best']);
  const none = everySteps === undefined && everySeconds === undefined && everyEpochs === undefined;
  return { directory: directoryOf('fit', dir), everySteps: everySteps ?? Infinity, everySeconds: everySeconds ?? Infinity, everyEpochs: everyEpochs ?? (none ? 1 : Infinity), last, best: keep?.best };
}

function checkCount(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) throw interval(name, value, 'an integer of at least 1');
}

function interval(name: string, got: unknown, expected: string): ArgumentError {
  return new ArgumentError(`[fit] checkpoint.${name}: got ${describeValue(got)}, expected ${expected}.`, { op: 'fit' });
}

/** Throws ArgumentError, and AnnealError for an unknown option. */
export function resumeSetup(options: string | URL | ResumeOptions | undefined, checkpoint: CheckpointSetup | undefined): ResumeSetup | undefined {
  if (options === undefined) return undefined;
  if (typeof options === 'boolean') throw new ArgumentError(`[fit] resume: got ${String(options)}, expected 'latest', or the path of a checkpoint. Where training is to begin anew, leave it out.`, { op: 'fit' });
  const { from, ignore = [] } = typeof options === 'string' || options instanceof URL ? { from: options } : options;
  if (typeof options === 'object' && !(options instanceof URL)) checkOptions('fit resume', options, ['from', 'ignore']);
  if (!Array.isArray(ignore)) throw new ArgumentError(`[fit] resume.ignore: got ${describeValue(ignore)}, expected an array, as in ['library'].`, { op: 'fit' });
  for (const kind of ignore) checkChoice('fit', 'resume.ignore', kind, IGNORABLE);
  if (from === 'latest' && checkpoint === undefined) throw new ArgumentError(`[fit] resume: got 'latest' without checkpoints, expected a directory to look in, as in { checkpoint: { dir: 'runs/first' }, resume: 'latest' }. Or pass the path of a checkpoint.`, { op: 'fit' });
  return { from: from === 'latest' ? from : String(checkPath('fit resume', from)), ignore };
}
