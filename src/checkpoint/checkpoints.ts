import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkPath } from '../io/check-path.js';
import { checkFlags, checkOptions, checkRequired } from '../options.js';
import { BEST, checkpointsIn, latestIn, makeDirectory, nameOf, prune, type CheckpointFile } from './directory.js';
import { writeCheckpoint, type CheckpointContents } from './file.js';
import { DirectoryLock } from './lock.js';
import { checkParts, loadParts, stateOfParts, type CheckpointParts } from './parts.js';
import { arraysOf, readSnapshot, snapshotOf, type CheckpointInfo, type Snapshot } from './snapshot.js';

export interface CheckpointsOptions {
  /** Number of the last ones that stay; those before them are removed once another was written. Default { last: 3 }. */
  readonly keep?: { readonly last?: number | undefined } | undefined;
}

export interface CheckpointSaveOptions {
  /** Steps that were done, by which checkpoints are named and ordered. */
  readonly step: number;
  /** Epochs that are complete. Default 0. */
  readonly epoch?: number | undefined;
  /** For those who look at it. */
  readonly loss?: number | undefined;
  /** Everything else that a loop has to know to go on: numbers, texts, typed arrays, and objects and arrays of them. */
  readonly values?: object | string | number | boolean | null | undefined;
  /** True: it is the best so far, and is kept as best.safetensors besides. Default false. */
  readonly best?: boolean | undefined;
}

/** Facts about a checkpoint that was loaded, and what it was saved with. */
export interface LoadedCheckpoint extends CheckpointInfo {
  readonly path: string;
  readonly values: unknown;
}

/**
 * Checkpoints of a loop of one's own in a directory: what there is to know of models, optimizers and loaders, of the gradients that wait, and of the random streams, so that the
 * loop goes on in another process as if it had never ended, bit for bit. fit() does it by itself, by its option `checkpoint`, and writes the same files: safetensors, held to a
 * SHA-256 when they are read.
 *
 *     const checkpoint = new train.Checkpoints('runs/first', { keep: { last: 3 } });
 *     const parts = { model, optimizer, loader };
 *     const found = await checkpoint.load(parts);                           // undefined in the beginning
 *     let step = found?.step ?? 0;
 *     for await (const [inputs, labels] of loader) {
 *       losses.crossEntropy(model.forward(inputs), labels).backward();
 *       await optimizer.step();
 *       optimizer.zeroGrad();
 *       if (++step % 100 === 0) await checkpoint.save(parts, { step });
 *     }
 *     await checkpoint.close();
 *
 * One process at a time writes to a directory: a second one is refused with BusyError, which says who has it. Throws ArgumentError; AnnealError for an unknown option.
 */
export class Checkpoints {
  readonly directory: string;
  readonly #last: number;
  #lock: Promise<DirectoryLock> | undefined;
  /** Writes follow each other. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(directory: string | URL, options: CheckpointsOptions = {}) {
    const op = 'train.Checkpoints';
    checkOptions(op, options, ['keep']);
    this.directory = directoryOf(op, directory);
    this.#last = lastOf(op, options.keep, ['last']);
  }

  /**
   * Saves the parts as they are at the call, so that training may go on meanwhile, and resolves with the path once the file is on the disk. Rejects with BusyError where another
   * process has the directory, and with Node.js's own error where it cannot be written; the ones before stay then.
   */
  async save(parts: CheckpointParts, options: CheckpointSaveOptions): Promise<string> {
    const op = 'checkpoint.save';
    checkParts(op, parts);
    checkRequired(op, options, ['step', 'epoch', 'loss', 'values', 'best']);
    const { step, epoch = 0, loss = null, values = null, best = false } = options;
    for (const [name, count] of Object.entries({ step, epoch })) {
      if (!Number.isSafeInteger(count) || count < 0) throw new ArgumentError(`[${op}] ${name}: got ${describeValue(count)}, expected an integer of at least 0.`, { op });
    }
    if (loss !== null && typeof loss !== 'number') throw new ArgumentError(`[${op}] loss: got ${describeValue(loss)}, expected a number. Read a tensor first: await loss.item().`, { op });
    checkFlags(op, options, ['best']);
    const { tensors, rest, structure } = stateOfParts(parts);
    // What is no tensor is encoded, and thereby copied, before anything is waited for.
    const encoded = snapshotOf(op, { step, epoch, loss, structure }, new Map(), { parts: rest, values });
    const arrays = arraysOf(tensors);
    return this.#inTurn(async () => this.#write({ json: encoded.json, arrays: new Map([...encoded.arrays, ...(await arrays)]) }, step, best));
  }

  /**
   * Gives the parts the state of the latest checkpoint that is whole, or of the file at `path`, and resolves with what was saved besides; undefined where there is none. Damaged
   * ones are left out with a warning. Rejects with FileFormatError where all are damaged, or that file is; AnnealError (ANNEAL_STATE_MISMATCH) for other parts; BusyError.
   */
  async load(parts: CheckpointParts, path?: string | URL): Promise<LoadedCheckpoint | undefined> {
    const op = 'checkpoint.load';
    checkParts(op, parts);
    await this.#locked();
    const found = path === undefined ? await latestIn(op, this.directory) : await snapshotAt(op, path);
    if (found === undefined) return undefined;
    await loadParts(parts, found.arrays, (found.state['parts'] ?? {}) as Record<string, unknown>);
    return { ...found.info, path: found.path, values: found.state['values'] };
  }

  /** The checkpoints by step that there are, the latest first. */
  async list(): Promise<CheckpointFile[]> {
    return checkpointsIn(this.directory);
  }

  /** Resolves when everything is written and others may have the directory. The end of the process does that, too. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.then((held) => held.release());
  }

  async #write(contents: CheckpointContents, step: number, best: boolean): Promise<string> {
    await this.#locked();
    const path = `${this.directory}/${nameOf(step)}`;
    await writeCheckpoint(path, contents);
    if (best) await writeCheckpoint(`${this.directory}/${BEST}`, contents);
    await prune(this.directory, this.#last, step);
    return path;
  }

  #inTurn<R>(run: () => Promise<R>): Promise<R> {
    const turn = this.#writing.then(run, run);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async #locked(): Promise<void> {
    this.#lock ??= makeDirectory(this.directory).then(() => DirectoryLock.acquire('checkpoint', this.directory));
    try {
      await this.#lock;
    } catch (error) {
      this.#lock = undefined;
      throw error;
    }
  }
}

/** A directory's path as text, without a slash at its end. Throws ArgumentError for what is none. */
export function directoryOf(op: string, directory: unknown): string {
  const path = checkPath(op, directory);
  return String(path).replace(/(?<=.)[/\\]+$/, '');
}

/** Number of checkpoints that stay. Throws ArgumentError. */
export function lastOf(op: string, keep: { readonly last?: number | undefined } | undefined, known: readonly string[]): number {
  checkOptions(`${op} keep`, keep, known);
  const { last = 3 } = keep ?? {};
  if (Number.isSafeInteger(last) && last >= 1) return last;
  throw new ArgumentError(`[${op}] keep.last: got ${describeValue(last)}, expected an integer of at least 1.`, { op });
}

/** The checkpoint at a path. Throws ArgumentError where nothing is there. */
export async function snapshotAt(op: string, path: string | URL): Promise<Snapshot & { readonly path: string }> {
  const from = String(checkPath(op, path));
  try {
    return { path: from, ...(await readSnapshot(from)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ArgumentError(`[${op}] path: there is no ${from}, expected a checkpoint. Correct the path, or leave it out to begin from the latest one.`, { op, cause: error });
  }
}
