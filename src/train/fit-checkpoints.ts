import { BEST, checkpointsIn, latestIn, makeDirectory, nameOf, prune } from '../checkpoint/directory.js';
import { snapshotAt } from '../checkpoint/checkpoints.js';
import { writeCheckpoint, type CheckpointContents } from '../checkpoint/file.js';
import { DirectoryLock } from '../checkpoint/lock.js';
import { structureOf } from '../checkpoint/parts.js';
import { arraysOf, snapshotOf } from '../checkpoint/snapshot.js';
import { ArgumentError, BusyError } from '../errors.js';
import type { AnyMetric } from '../metrics/index.js';
import type { Described } from '../state.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warn.js';
import type { CheckpointSetup, ResumeSetup } from './checkpoint-options.js';
import { modeOf } from './early-stopping.js';
import type { EpochRecord } from './events.js';
import { fitStateOf, ratesOf, type BestSoFar, type FitState, type Made } from './fit-state.js';
import { monitored, monitorFor, type Monitorable } from './monitor.js';
import type { FitCheckpoint, Resumable } from './resume.js';

/** Parts of the state of a fit() that the fit() itself knows. */
export type FitProgress = Omit<FitState, 'loader' | 'rates' | 'kept' | 'made'> & { readonly loss: number | null };

/** The trained, and how its whole state is asked for. */
export interface Trained extends Resumable {
  state(): ReadonlyMap<string, Tensor | Described>;
}

/** Files to write: that of the step, and that of the best epoch, where it is. */
interface Kinds {
  readonly byStep?: boolean;
  readonly best?: BestSoFar | undefined;
}

const MONITOR = 'fit checkpoint.keep.best';

/** Writes the checkpoints of one fit(), one at a time, while training goes on. A failure to write is told once a kind, and ends nothing. */
export class FitCheckpoints {
  readonly #setup: CheckpointSetup;
  readonly #trained: Trained;
  readonly #made: Made;
  #lock: DirectoryLock | undefined;
  /** The write that is under way. */
  #writing: Promise<void> | undefined;
  #lastTime = performance.now();
  #lastGood: string | undefined;
  readonly #told = new Set<string>();
  #kept: BestSoFar | undefined;

  private constructor(setup: CheckpointSetup, trained: Trained, made: Made) {
    this.#setup = setup;
    this.#trained = trained;
    this.#made = made;
  }

  /** Takes the directory. Rejects with BusyError where another process has it. */
  static async open(setup: CheckpointSetup, trained: Trained, made: Made): Promise<FitCheckpoints> {
    const checkpoints = new FitCheckpoints(setup, trained, made);
    try {
      await makeDirectory(setup.directory);
      checkpoints.#lock = await DirectoryLock.acquire('fit', setup.directory);
    } catch (error) {
      if (error instanceof BusyError) throw error;
      checkpoints.#tell(error as Error);
    }
    return checkpoints;
  }

  /** Goes on from a checkpoint, whose file is the last good one. */
  goOnFrom({ path, fit }: FitCheckpoint): void {
    this.#lastGood = path;
    this.#kept = fit.kept ?? undefined;
  }

  /**
   * Throws ArgumentError where the directory holds checkpoints that training does not go on from, with which its own would mix. `from`: the path that it goes on from; undefined
   * where it begins anew.
   */
  async checkDirectory(from: string | undefined): Promise<void> {
    const { directory } = this.#setup;
    const [latest] = await checkpointsIn(directory);
    const { steps } = this.#trained.optimizer;
    if (latest === undefined || (from !== undefined && latest.step <= steps)) return;
    if (from === undefined) throw new ArgumentError(`[fit] checkpoint.dir: got ${directory}, which holds checkpoints up to step ${latest.step}, expected a directory without. Pass resume: 'latest' to go on from them, or take another directory.`, { op: 'fit' });
    throw new ArgumentError(`[fit] resume: got ${from}, of step ${steps}, but the directory ${directory} holds later ones, up to step ${latest.step}, expected none. Move those away, or take another directory.`, { op: 'fit' });
  }

  /** Throws ArgumentError where keep.best cannot be monitored. */
  checkMonitor(known: Monitorable): void {
    if (this.#setup.best !== undefined) modeOf(MONITOR, known.metrics, monitorFor(MONITOR, known, this.#setup.best));
  }

  /** Steps that may run before one is due by their number. */
  stepsLeft(submitted: number): number {
    return this.#setup.everySteps - (submitted % this.#setup.everySteps);
  }

  dueAfterStep(submitted: number): boolean {
    const { everySteps, everySeconds } = this.#setup;
    if (submitted % everySteps === 0) return true;
    return this.#writing === undefined && performance.now() - this.#lastTime >= 1000 * everySeconds;
  }

  /** `done`: epochs of this fit() that are complete. */
  async epochEnded(record: EpochRecord | undefined, done: number, metrics: readonly AnyMetric[], progress: () => Promise<FitProgress>): Promise<void> {
    const best = record && this.#better(record, metrics);
    const due = done % this.#setup.everyEpochs === 0;
    if (best !== undefined || due) await this.save(progress, { byStep: due, best });
  }

  /** The epoch, where it is the best so far. */
  #better(record: EpochRecord, metrics: readonly AnyMetric[]): BestSoFar | undefined {
    const { best } = this.#setup;
    if (best === undefined) return undefined;
    const value = monitored(MONITOR, record, best);
    const sign = modeOf(MONITOR, metrics, best) === 'min' ? -1 : 1;
    const worse = this.#kept !== undefined && !(sign * value > sign * this.#kept.value);
    return Number.isNaN(value) || worse ? undefined : { epoch: record.epoch, value };
  }

  /** Takes a snapshot, once the one before is written, and begins to write it. Called when no step is under way. */
  async save(progress: () => Promise<FitProgress>, { byStep = true, best }: Kinds = {}): Promise<void> {
    await this.#writing;
    const before = this.#kept;
    this.#kept = best ?? before;
    const { model, optimizer, batches, state } = this.#trained;
    const arrays = await arraysOf(state());
    const { loss, ...own } = await progress();
    const fit: FitState = { ...own, loader: batches.stateDict(), rates: ratesOf(optimizer), kept: this.#kept ?? null, made: this.#made };
    const step = optimizer.steps;
    const contents = snapshotOf('fit', { step, epoch: fit.firstEpoch + fit.epochs.length, loss, structure: { model: structureOf(model) } }, arrays, { fit });
    this.#lastTime = performance.now();
    this.#writing = this.#write(contents, step, { byStep, best }, before).finally(() => (this.#writing = undefined));
  }

  async #write(contents: CheckpointContents, step: number, { byStep, best }: Kinds, before: BestSoFar | undefined): Promise<void> {
    const { directory, last } = this.#setup;
    try {
      if (best !== undefined) {
        await this.#put(`${directory}/${BEST}`, contents).catch((error: Error) => {
          // The one before it is still the best that is there.
          this.#kept = before;
          throw error;
        });
      }
      if (byStep !== true) return;
      await this.#put(`${directory}/${nameOf(step)}`, contents);
      await prune(directory, last, step);
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  async #put(path: string, contents: CheckpointContents): Promise<void> {
    await writeCheckpoint(path, contents);
    this.#lastGood = path;
  }

  #tell(error: NodeJS.ErrnoException): void {
    const kind = error.code ?? error.name;
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    const stands = this.#lastGood === undefined ? 'There is none yet' : `The last good one is ${this.#lastGood}`;
    warn('ANNEAL_CHECKPOINT_FAILED', `[fit] a checkpoint could not be written to ${this.#setup.directory}: ${error.message}. ${stands}. Training goes on, and the next one is tried; ${kind} is not told again. Make room, or give the directory back.`);
  }

  /** Resolves when everything is written, and others may have the directory. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#lock?.release();
    this.#lock = undefined;
  }
}

/** The checkpoint that a fit() is to go on from; undefined where there is none yet. */
export async function findCheckpoint({ from }: ResumeSetup, checkpoint: CheckpointSetup | undefined): Promise<FitCheckpoint | undefined> {
  const found = from === 'latest' ? await latestIn('fit', checkpoint!.directory) : await snapshotAt('fit', from);
  return found && { ...found, fit: fitStateOf(found) };
}
