import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AnnealError, FileFormatError } from '../errors.js';
import { warn } from '../warn.js';
import { peekCheckpoint } from './file.js';
import { infoOf, readSnapshot, type Snapshot } from './snapshot.js';

/** The file of the best one, beside those by step. */
export const BEST = 'best.safetensors';
const BY_STEP = /^step-(\d{9,16})\.safetensors$/;

/** Name of the checkpoint of a step. */
export const nameOf = (step: number): string => `step-${String(step).padStart(9, '0')}.safetensors`;

/** A checkpoint in a directory. */
export interface CheckpointFile {
  readonly path: string;
  readonly step: number;
}

/** Makes a directory, and its name last where it is new. */
export async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  try {
    const parent = await open(dirname(made), 'r');
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  } catch {
    // Some systems (Windows) cannot open a directory.
  }
}

/** The checkpoints by step, the latest first. */
export async function checkpointsIn(directory: string): Promise<CheckpointFile[]> {
  const found = (await namesIn(directory)).flatMap((name) => {
    const [, step] = BY_STEP.exec(name) ?? [];
    return step === undefined ? [] : [{ path: `${directory}/${name}`, step: Number(step) }];
  });
  return found.toSorted((a, b) => b.step - a.step);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    // Where there is none, whoever writes there is told.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/**
 * The latest checkpoint that is whole; undefined where there is none at all. Those that are damaged are left out with a warning that names them. Throws FileFormatError where
 * there are only such.
 */
export async function latestIn(op: string, directory: string): Promise<(Snapshot & { readonly path: string }) | undefined> {
  const candidates = await checkpointsIn(directory);
  const best = await stepOfBest(directory);
  if (best !== undefined) candidates.push(best);
  const damaged: Error[] = [];
  for (const { path } of candidates.toSorted((a, b) => b.step - a.step)) {
    try {
      return { path, ...(await readSnapshot(path)) };
    } catch (error) {
      if (!isDamage(error)) throw error;
      damaged.push(error as Error);
      warn('ANNEAL_CHECKPOINT_DAMAGED', `[${op}] a checkpoint is left out: ${(error as Error).message}`);
    }
  }
  if (damaged.length === 0) return undefined;
  throw new FileFormatError(`[${op}] the directory ${directory} holds ${damaged.length} checkpoints, all of which are damaged: got ${damaged.map(({ message }) => message).join(' ')} Expected one that is whole. Move them away to begin anew.`, { op, cause: damaged[0] });
}

async function stepOfBest(directory: string): Promise<CheckpointFile | undefined> {
  if (!(await namesIn(directory)).includes(BEST)) return undefined;
  const path = `${directory}/${BEST}`;
  try {
    return { path, step: infoOf((await peekCheckpoint(path)).json, path).step };
  } catch (error) {
    if (!isDamage(error)) throw error;
    // The others come first; where there are none, it is said what is wrong with this one.
    return { path, step: -1 };
  }
}

/** Returns whether an error is about what a file holds, or about the disk under it. */
function isDamage(error: unknown): boolean {
  if (error instanceof FileFormatError) return true;
  return error instanceof AnnealError ? false : (error as NodeJS.ErrnoException).code === 'EIO';
}

/** Removes all but the last `keep` of those up to `step`, of which one has just been written. */
export async function prune(directory: string, keep: number, step: number): Promise<void> {
  const older = (await checkpointsIn(directory)).filter((file) => file.step <= step);
  for (const { path } of older.slice(keep)) await unlink(path).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
