import { FileFormatError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { isRecord } from '../records.js';
import { elements, type Described, type Source } from '../state.js';
import type { Tensor } from '../tensor.js';
import { decode, encode } from './encode.js';
import { readCheckpoint, type CheckpointContents, type SavedArray } from './file.js';

const FORMAT = 'anneal.checkpoint';
const VERSION = 1;

/** Facts about a checkpoint that its file begins with. */
export interface CheckpointInfo {
  /** Steps that were done. */
  readonly step: number;
  /** Epochs that were complete. */
  readonly epoch: number;
  /** The loss of the last step, or of the last epoch; null where nobody said. */
  readonly loss: number | null;
  /** Version of the library that wrote it. */
  readonly library: string;
  /** Time at which it was taken, as in 2026-11-30T12:00:00.000Z. */
  readonly created: string;
  /** Printed structure of each part, as of models. */
  readonly structure: { readonly [part: string]: string };
}

/** A state at one moment: facts, tensors by name, and whatever else there is to know, in JSON's kinds and typed arrays. */
export interface Snapshot {
  readonly info: CheckpointInfo;
  readonly arrays: ReadonlyMap<string, SavedArray>;
  readonly state: { readonly [name: string]: unknown };
}

/** Elements of tensors as they are now. Everything is asked for at once: a step that is submitted after the call changes nothing of it. */
export async function arraysOf(tensors: ReadonlyMap<string, Tensor | Described>): Promise<Map<string, SavedArray>> {
  const asked = [...tensors].map(async ([name, tensor]): Promise<[string, SavedArray]> => [name, { dtype: tensor.dtype, shape: tensor.shape, data: await elements(tensor) }]);
  return new Map(await Promise.all(asked));
}

/** Puts a snapshot together. `state` may hold typed arrays, which become tensors named by their place in it. */
export function snapshotOf(op: string, info: Omit<CheckpointInfo, 'library' | 'created'>, arrays: ReadonlyMap<string, SavedArray>, state: object): CheckpointContents & { readonly info: CheckpointInfo } {
  const all = new Map(arrays);
  const whole: CheckpointInfo = { ...info, library: engine().libraryVersion(), created: new Date().toISOString() };
  const json = { format: FORMAT, version: VERSION, ...(encode(op, whole, 'info', all) as object), state: encode(op, state, 'state', all) };
  return { info: whole, arrays: all, json };
}

/** Reads and checks a checkpoint. */
export async function readSnapshot(path: string): Promise<Snapshot> {
  const { arrays, json } = await readCheckpoint(path);
  const info = infoOf(json, path);
  const state = decode(json['state'] ?? {}, arrays);
  if (!isRecord(state)) throw unusable(path, 'its state is no object');
  return { info, arrays, state };
}

/** The facts in a checkpoint's JSON. Throws FileFormatError where there are none. */
export function infoOf(json: CheckpointContents['json'], path: string): CheckpointInfo {
  const { format, version, step, epoch, loss = null, library, created, structure } = json;
  if (format !== FORMAT) throw unusable(path, `its format is ${JSON.stringify(format) ?? 'not given'}, expected '${FORMAT}'`);
  if (version !== VERSION) throw unusable(path, `its version is ${JSON.stringify(version) ?? 'not given'}, expected ${VERSION}: another version of this library wrote it`);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  const texts = isRecord(structure) && Object.values(structure).every((text) => typeof text === 'string');
  if (!isCount(step) || !isCount(epoch) || typeof library !== 'string' || typeof created !== 'string' || !texts) throw unusable(path, 'it lacks step, epoch, library, created or structure');
  const number = decode(loss, new Map());
  return { step, epoch, loss: typeof number === 'number' ? number : null, library, created, structure: structure as CheckpointInfo['structure'] };
}

function unusable(path: string, what: string): FileFormatError {
  return new FileFormatError(`[checkpoint] ${path} is no checkpoint that can be used: ${what}. Take another one.`, { op: 'checkpoint' });
}

/** The tensors of a checkpoint as loadStateDict() takes them: those of dtypes that tensors have. */
export function sourcesOf(arrays: ReadonlyMap<string, SavedArray>): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const [name, { dtype, shape, data }] of arrays) if (dtype !== 'float64') sources.set(name, { dtype, shape, data: data as Exclude<SavedArray['data'], Float64Array> });
  return sources;
}
