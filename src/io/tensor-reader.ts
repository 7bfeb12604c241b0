import { type FileHandle, open, stat } from 'node:fs/promises';
import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { AnnealError, ArgumentError, FileFormatError } from '../errors.js';
import { suggestion } from '../options.js';
import { checkPath, shownPath } from './check-path.js';
import type { StoredDType } from './file-dtypes.js';
import { fileSource } from './file-source.js';
import { shorten, type Entry, type Wrong } from './header.js';
import { INDEX_FILE, MODEL_FILE, readIndex, type ShardIndex } from './index-file.js';
import { atPath, bytesOfPath, dirnameOf, joined, type PathBytes } from './path-bytes.js';
import type { FilePath } from './path.js';
import { openSource, readStored, readTensor, type HostTensor, type OpenedTensors, type StoredTensor } from './tensor-data.js';

/** A tensor of a file, before its elements are read. */
export interface TensorInfo {
  readonly shape: readonly number[];
  /** The dtype that read() gives. */
  readonly dtype: DType;
  /** The dtype in the file, by the format's name. */
  readonly stored: StoredDType;
  /** Bytes in the file. */
  readonly bytes: number;
}

/** The names of some tensors: one name or the beginning of names up to a dot, as in freeze(); a RegExp; or a list of names. */
export type NameFilter = string | RegExp | readonly string[];

interface Place extends TensorInfo {
  readonly from: OpenedTensors;
  readonly entry: Entry;
}

/** Safetensors files that are read one tensor at a time. See openTensors(). */
export class TensorReader {
  /** All tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Texts that were saved with the tensors. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #op: string;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #close: () => Promise<void>;
  #closed = false;

  /** `close` closes what is open, once. */
  constructor(op: string, opened: readonly OpenedTensors[], close: () => Promise<void>) {
    this.#op = op;
    this.#close = close;
    this.#places = new Map(opened.flatMap((from) => from.entries.map((entry) => [entry.name, placeOf(from, entry)] as const)));
    this.tensors = new Map([...this.#places].map(([name, { shape, dtype, stored, bytes }]) => [name, { shape, dtype, stored, bytes }]));
    // Shards carry the same texts.
    this.metadata = new Map(opened.toReversed().flatMap(({ metadata }) => [...metadata]));
  }

  /** Reads one tensor, with a dtype of this library, as load() does. Throws ArgumentError for a name that there is not, else as load(). */
  async read(name: string): Promise<HostTensor> {
    const { from, entry } = this.#place(name);
    return readTensor(from, entry);
  }

  /** Reads one tensor as it stands in the file: F64 as a Float64Array, I64 as a BigInt64Array, F16 and BF16 as their bits in a Uint16Array. Throws as read(). */
  async readStored(name: string): Promise<StoredTensor> {
    const { from, entry } = this.#place(name);
    return readStored(from, entry);
  }

  /** The names that a filter picks; all without one. Throws ArgumentError for one that picks nothing. */
  namesOf(filter: NameFilter | undefined): string[] {
    const all = [...this.#places.keys()];
    if (filter === undefined) return all;
    if (Array.isArray(filter)) return (filter as readonly string[]).map((name) => (this.#place(name), name));
    if (typeof filter !== 'string' && !(filter instanceof RegExp)) {
      throw new ArgumentError(`[${this.#op}] names: got ${describeValue(filter)}, expected a name, the beginning of names as in 'encoder', a RegExp, or a list of names.`, { op: this.#op });
    }
    const names = all.filter((name) => (typeof filter === 'string' ? name === filter || name.startsWith(`${filter}.`) : name.search(filter) >= 0));
    if (names.length > 0) return names;
    throw new ArgumentError(`[${this.#op}] names: got ${typeof filter === 'string' ? `'${filter}'` : String(filter)}, which picks none of the ${all.length} tensors.${typeof filter === 'string' ? suggestion(filter, all, "'") : ''}`, { op: this.#op });
  }

  /** Closes the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#close();
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #place(name: string): Place {
    if (this.#closed) throw new AnnealError('ANNEAL_DISPOSED', `[${this.#op}] the reader is closed: got read(), expected it before close(). Open the file again.`, { op: this.#op });
    const place = this.#places.get(name);
    if (place !== undefined) return place;
    const all = [...this.#places.keys()];
    throw new ArgumentError(`[${this.#op}] there is no such tensor: got ${describeValue(name)}, expected one of ${all.length} names.${typeof name === 'string' ? suggestion(name, all, "'") : ''} tensors.keys() has all.`, { op: this.#op });
  }
}

function placeOf(from: OpenedTensors, entry: Entry): Place {
  return { from, entry, shape: entry.shape, dtype: entry.stored.dtype, stored: entry.code, bytes: entry.end - entry.begin };
}

/**
 * Opens a safetensors file, an index file (`*.index.json`) or a folder with a model in it, and reads what is there, but no elements: those are read a tensor at a time, when they are asked for. As
 * `safe_open` of the format's Python library.
 *
 *     await save(model, 'mnist.safetensors');
 *     const file = await openTensors('mnist.safetensors');
 *     for (const [name, { shape, stored }] of file.tensors) console.log(name, shape, stored);     // '0.weight', [10, 784], 'F32'
 *     const weight = await file.read('0.weight');
 *     await file.close();
 *
 * Throws as load().
 */
export function openTensors(path: FilePath): Promise<TensorReader> {
  return openReader('openTensors', path);
}

/** openTensors() as part of `op`. */
export async function openReader(op: string, path: FilePath): Promise<TensorReader> {
  const from = bytesOfPath(checkPath(op, path));
  const files: FileHandle[] = [];
  const close = async (): Promise<void> => void (await Promise.all(files.map((file) => file.close())));
  try {
    return new TensorReader(op, await openAll(op, await resolved(from), files), close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** In a folder, the file of its model: as in the Hub's libraries, one file before an index. */
async function resolved(path: PathBytes): Promise<PathBytes> {
  if (!(await stat(atPath(path))).isDirectory()) return path;
  const [single, index] = [joined(path, MODEL_FILE), joined(path, INDEX_FILE)];
  return (await exists(single)) || !(await exists(index)) ? single : index;
}

async function exists(path: PathBytes): Promise<boolean> {
  return stat(atPath(path)).then(() => true, () => false);
}

async function openAll(op: string, path: PathBytes, files: FileHandle[]): Promise<OpenedTensors[]> {
  if (!path.endsWith('.json')) return [await openFile(path, files, wrongIn(op, shown(path)))];
  const wrong = wrongIn(op, shown(path), 'an index of safetensors files');
  const file = await openAt(path, files);
  const index = await readIndex(fileSource(file, (await file.stat()).size, wrong), wrong);
  const opened: OpenedTensors[] = [];
  for (const shard of index.shards) {
    const at = joined(dirnameOf(path), Buffer.from(shard).toString('latin1'));
    if (!(await exists(at))) throw wrong(`it names the file '${shorten(shard)}', which is not there`);
    const one = await openFile(at, files, wrongIn(op, shown(at)));
    checkShard(one, shard, index, wrong);
    opened.push(one);
  }
  checkComplete(opened, index, wrong);
  return opened;
}

async function openAt(path: PathBytes, files: FileHandle[]): Promise<FileHandle> {
  const file = await open(atPath(path));
  files.push(file);
  return file;
}

async function openFile(path: PathBytes, files: FileHandle[], wrong: Wrong): Promise<OpenedTensors> {
  const file = await openAt(path, files);
  return openSource(fileSource(file, (await file.stat()).size, wrong), wrong);
}

/** Throws where a shard has a tensor that belongs elsewhere: two readers of one folder could see two different things. */
function checkShard({ entries }: OpenedTensors, shard: string, { shardOf }: ShardIndex, wrong: Wrong): void {
  for (const { name } of entries) {
    const place = shardOf.get(name);
    if (place !== shard) throw wrong(`'${shorten(shard)}' holds the tensor '${shorten(name)}', which ${place === undefined ? 'it does not name' : `it has in '${shorten(place)}'`}`);
  }
}

function checkComplete(opened: readonly OpenedTensors[], { shardOf, totalBytes }: ShardIndex, wrong: Wrong): void {
  const all = opened.flatMap(({ entries }) => entries);
  const names = new Set(all.map(({ name }) => name));
  for (const [name, shard] of shardOf) if (!names.has(name)) throw wrong(`it has the tensor '${shorten(name)}' in '${shorten(shard)}', which lacks it`);
  const bytes = all.reduce((sum, { begin, end }) => sum + end - begin, 0);
  if (totalBytes !== undefined && totalBytes !== bytes) throw wrong(`its total_size is ${totalBytes} bytes, but the tensors have ${bytes}`);
}

const shown = (path: PathBytes): string => shownPath(atPath(path));

/** Errors of what cannot be read as `kind`. */
export function wrongIn(op: string, path: string, kind = 'a safetensors file'): Wrong {
  return (what) => new FileFormatError(`[${op}] ${path} is not ${kind} that can be read: ${what}. Check the path, or copy the file again.`, { op });
}
