import { dtypes, type DType, type TypedArray } from '../dtype.js';
import { allocate } from '../numeric-array.js';
import type { StoredArray, StoredDType } from './file-dtypes.js';
import { MAX_HEADER, parseHeader, type Entry, type Header, type Wrong } from './header.js';

/** A tensor's values outside the graph: what files and state dictionaries hold. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Row-major. */
  readonly data: TypedArray;
}

/** A tensor as its file has it, in a dtype of the format. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly stored: StoredDType;
  /** Row-major. Elements of F16 and BF16 are their bits. */
  readonly data: StoredArray;
}

/** Source of a file's bytes: the disk, or memory. */
export interface ByteSource {
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. */
  read(into: Uint8Array, position: number): void | Promise<void>;
}

/** A safetensors file whose header has been read. */
export interface OpenedTensors extends Header {
  readonly source: ByteSource;
  /** Position of the data in the file. */
  readonly dataStart: number;
  readonly wrong: Wrong;
}

const BY_PYTORCH = ', as torch.save() writes: write it in Python by safetensors.torch.save_file(model.state_dict(), path)';

/** Beginnings of other files with weights, and what these are. */
const OTHERS: readonly (readonly [magic: string, what: string])[] = [
  ['PK\x03\x04', `a zip archive${BY_PYTORCH}`],
  ['\x80\x02', `a pickle${BY_PYTORCH}`],
  ['\x89HDF', 'an HDF5 file, as Keras writes'],
  ['GGUF', 'a GGUF file, as llama.cpp reads'],
];

/** Reads the header of a safetensors file, and checks it down to the last byte. */
export async function openSource(source: ByteSource, wrong: Wrong): Promise<OpenedTensors> {
  if (source.size < 8) throw wrong(`it has ${source.size} bytes, expected at least 8`);
  const length = new Uint8Array(8);
  await source.read(length, 0);
  const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
  const begin = String.fromCharCode(...length);
  const other = OTHERS.find(([magic]) => begin.startsWith(magic));
  if (headerBytes > BigInt(MAX_HEADER)) throw wrong(other !== undefined ? `it is ${other[1]}` : `its header claims ${headerBytes} bytes, expected at most ${MAX_HEADER}`);
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > source.size) throw wrong(`its header claims ${headerBytes} bytes, but only ${source.size - 8} follow: the file is truncated`);
  const bytes = new Uint8Array(Number(headerBytes));
  await source.read(bytes, 8);
  return { ...parseHeader(bytes, source.size - dataStart, wrong), source, dataStart, wrong };
}

/** Reads one tensor, with a dtype of this library, into memory of its own. */
export async function readTensor(from: OpenedTensors, entry: Entry): Promise<HostTensor> {
  const { name, code, shape, stored } = entry;
  const { dtype, convert } = stored;
  const buffer = await readElements(from, entry);
  try {
    return { shape, dtype, data: convert?.(buffer) ?? new dtypes[dtype].array(buffer) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw from.wrong(`tensor '${name}' is ${code} and holds ${error.message}, which int32 does not`);
  }
}

/** Reads one tensor as it stands in the file. */
export async function readStored(from: OpenedTensors, entry: Entry): Promise<StoredTensor> {
  return { shape: entry.shape, stored: entry.code, data: new entry.stored.array(await readElements(from, entry)) };
}

/** The bytes of a tensor. Their number is known to be within the file, so nothing larger is ever allocated. */
async function readElements({ source, dataStart, wrong }: OpenedTensors, { name, code, begin, end }: Entry): Promise<ArrayBuffer> {
  const buffer = allocate('load', `tensor '${name}'`, end - begin, () => new ArrayBuffer(end - begin));
  const bytes = new Uint8Array(buffer);
  await source.read(bytes, dataStart + begin);
  if (code === 'BOOL' && bytes.some((byte) => byte > 1)) throw wrong(`tensor '${name}' is BOOL, but holds a byte that is neither 0 nor 1`);
  return buffer;
}
