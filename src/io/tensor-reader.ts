import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { AnnealError, ArgumentError } from '../errors.js';
import { suggestion } from '../options.js';
import type { StoredDType } from './file-dtypes.js';
import type { Entry } from './header.js';
import { readStored, readTensor, type HostTensor, type OpenedTensors, type StoredTensor } from './tensor-data.js';

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
