import { stat } from 'node:fs/promises';
import { FileFormatError } from '../errors.js';
import { BEST, checkpointsIn } from './directory.js';
import { peekCheckpoint, readCheckpoint, readTensorList } from './file.js';
import { infoOf, type CheckpointInfo } from './snapshot.js';

/** A tensor in a file. */
export interface TensorDescription {
  readonly name: string;
  /** Dtype by the format's name, as in F32. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Contents of a safetensors file, without the elements. */
export interface FileDescription {
  readonly path: string;
  readonly bytes: number;
  /** Undefined of a file that is no checkpoint. */
  readonly checkpoint: CheckpointInfo | undefined;
  /** Reason why a checkpoint cannot be used; undefined where it is whole, or is none. */
  readonly damage: string | undefined;
  readonly tensors: readonly TensorDescription[];
  /** Texts of a file that is no checkpoint. */
  readonly metadata: { readonly [name: string]: string };
}

/** Describes a file, and holds a checkpoint to its checksum. Throws FileFormatError for what is no safetensors file, and Node.js's own error. */
export async function describeFile(path: string): Promise<FileDescription> {
  const { size } = await stat(path);
  const { entries, metadata } = await readTensorList(path);
  const tensors = entries.map(({ name, code, shape, begin, end }) => ({ name, dtype: code, shape, bytes: end - begin }));
  if (!metadata.has('anneal.checkpoint')) return { path, bytes: size, checkpoint: undefined, damage: undefined, tensors, metadata: Object.fromEntries(metadata) };
  return { path, bytes: size, ...(await examined(path)), tensors, metadata: {} };
}

async function examined(path: string): Promise<Pick<FileDescription, 'checkpoint' | 'damage'>> {
  let checkpoint: CheckpointInfo | undefined;
  try {
    checkpoint = infoOf((await peekCheckpoint(path)).json, path);
    await readCheckpoint(path);
    return { checkpoint, damage: undefined };
  } catch (error) {
    if (error instanceof FileFormatError) return { checkpoint, damage: error.message };
    throw error;
  }
}

/** The checkpoints of a directory, the latest first, and the best one. */
export async function checkpointPaths(directory: string): Promise<string[]> {
  const best = `${directory}/${BEST}`;
  const hasBest = await stat(best).then(() => true, () => false);
  return [...(await checkpointsIn(directory)).map(({ path }) => path), ...(hasBest ? [best] : [])];
}
