import { type FileHandle, open } from 'node:fs/promises';
import { dtypes, type DType, type TypedArray } from '../dtype.js';
import { ArgumentError, FileFormatError } from '../errors.js';
import { allocate } from '../numeric-array.js';
import { describeValue } from '../describe-value.js';
import { checkPath, shownPath } from './check-path.js';
import { MAX_HEADER, parseHeader, type Entry, type Header, type Wrong } from './header.js';
import type { FilePath } from './path.js';

/** A tensor's values outside the graph: what files and state dictionaries hold. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Row-major. */
  readonly data: TypedArray;
}

/** Contents of a safetensors file: its tensors by name, in the order of the file, and the texts that were saved with them. */
export interface TensorFile {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Map<string, string>;
}

/** Source of a file's bytes: the disk, or memory. */
interface Source {
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. */
  read(into: Uint8Array, position: number): void | Promise<void>;
}

/**
 * Reads a safetensors file: its tensors by name, with dtypes of this library. F64, F16 and BF16 become float32, which rounds the first and keeps the others; I64, U64, U32,
 * I16, U16 and I8 become int32.
 *
 *     await model.loadStateDict(await load('mnist.safetensors'));
 *
 * Throws FileFormatError for a file that is truncated, has a bad header, or whose tensors overlap, leave gaps or disagree with
 * their shapes, or that holds a whole number beyond int32; ArgumentError for what is no path, and Node.js's own error for a file that cannot be opened.
 */
export async function load(path: FilePath): Promise<Map<string, HostTensor>> {
  return (await loadFile(path)).tensors;
}

/** Reads a safetensors file together with its metadata. Throws as load does. */
export function loadFile(path: FilePath): Promise<TensorFile> {
  return reading('load', path, readTensors);
}

/**
 * Reads the texts that were saved with the tensors of a safetensors file, without reading the tensors. As `safe_open(path).metadata()` of
 * the format's Python library, but {} where there are none.
 *
 *     await save(model, 'mnist.safetensors', { metadata: { epoch: '5' } });
 *     const { epoch } = await loadMetadata('mnist.safetensors');            // '5'
 *
 * Throws as load does.
 */
export function loadMetadata(path: FilePath): Promise<{ [name: string]: string }> {
  return reading('loadMetadata', path, async (source, wrong) => Object.fromEntries((await readHeader(source, wrong)).header.metadata));
}

async function reading<R>(op: string, path: FilePath, read: (source: Source, wrong: Wrong) => Promise<R>): Promise<R> {
  const from = checkPath(op, path);
  const wrong = wrongIn(shownPath(from));
  const file = await open(from);
  try {
    const { size } = await file.stat();
    return await read({ size, read: (into, position) => readAll(file, into, position, wrong) }, wrong);
  } finally {
    await file.close();
  }
}

/** Parses a safetensors file that is in memory. Rejects as load does; `name` stands in messages. */
export async function parseSafetensors(bytes: Uint8Array, name = 'the safetensors data'): Promise<TensorFile> {
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError(`[load] bytes: got ${describeValue(bytes)}, expected a Uint8Array. Read them: await readFile(path).`, { op: 'load' });
  return readTensors({ size: bytes.length, read: (into, position) => into.set(bytes.subarray(position, position + into.length)) }, wrongIn(name));
}

function wrongIn(path: string): Wrong {
  return (what) => new FileFormatError(`[load] ${path} is not a safetensors file that can be read: ${what}. Check the path, or copy the file again.`, { op: 'load' });
}

async function readTensors(source: Source, wrong: Wrong): Promise<TensorFile> {
  const { header, dataStart } = await readHeader(source, wrong);
  const tensors = new Map<string, HostTensor>();
  for (const entry of header.entries) tensors.set(entry.name, await readTensor(source, dataStart, entry, wrong));
  return { tensors, metadata: header.metadata };
}

async function readHeader(source: Source, wrong: Wrong): Promise<{ header: Header; dataStart: number }> {
  if (source.size < 8) throw wrong(`it has ${source.size} bytes, expected at least 8`);
  const length = new Uint8Array(8);
  await source.read(length, 0);
  const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
  if (headerBytes > BigInt(MAX_HEADER)) throw wrong(`its header claims ${headerBytes} bytes, expected at most ${MAX_HEADER}`);
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > source.size) throw wrong(`its header claims ${headerBytes} bytes, but only ${source.size - 8} follow: the file is truncated`);
  const bytes = new Uint8Array(Number(headerBytes));
  await source.read(bytes, 8);
  return { header: parseHeader(bytes, source.size - dataStart, wrong), dataStart };
}

/** Reads one tensor into memory of its own. Its size is known to be within the file, so nothing larger is ever allocated. */
async function readTensor(source: Source, dataStart: number, { name, code, stored, shape, begin, end }: Entry, wrong: Wrong): Promise<HostTensor> {
  const { dtype, convert } = stored;
  const buffer = allocate('load', `tensor '${name}'`, end - begin, () => new ArrayBuffer(end - begin));
  const bytes = new Uint8Array(buffer);
  await source.read(bytes, dataStart + begin);
  if (dtype === 'bool' && bytes.some((byte) => byte > 1)) throw wrong(`tensor '${name}' is BOOL, but holds a byte that is neither 0 nor 1`);
  try {
    return { shape, dtype, data: convert?.(buffer) ?? new dtypes[dtype].array(buffer) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrong(`tensor '${name}' is ${code} and holds ${error.message}, which int32 does not`);
  }
}

async function readAll(file: FileHandle, into: Uint8Array, position: number, wrong: Wrong): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, Math.min(into.length - done, 2 ** 30), position + done);
    if (bytesRead === 0) throw wrong('it became shorter while it was read');
    done += bytesRead;
  }
}
