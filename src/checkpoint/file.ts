import type * as Crypto from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { DType } from '../dtype.js';
import { FileFormatError, LimitError } from '../errors.js';
import { writeAll, writeAtomically } from '../io/atomic.js';
import { CODES } from '../io/file-dtypes.js';
import { MAX_HEADER, parseHeader, type Entry, type Wrong } from '../io/header.js';
import { lazyRequire } from '../lazy-require.js';
import { allocate } from '../numeric-array.js';
import { isRecord } from '../records.js';
import type { Shape } from '../shape.js';

const crypto = lazyRequire<typeof Crypto>('node:crypto');

/** One tensor of a checkpoint. */
export interface SavedArray {
  readonly dtype: DType | 'float64';
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** Contents of a checkpoint: tensors by name, and JSON. */
export interface CheckpointContents {
  readonly arrays: ReadonlyMap<string, SavedArray>;
  readonly json: { readonly [name: string]: unknown };
}

/** Name of the JSON among the texts of the file. */
const JSON_NAME = 'anneal.checkpoint';
/** A header begins with the checksum, so that its place is known. */
const BEFORE_DIGITS = '{"__metadata__":{"sha256":"';
const DIGITS = 64;
const DIGITS_AT = 8 + BEFORE_DIGITS.length;
const ZEROS = '0'.repeat(DIGITS);
/** Bytes that are hashed, or written, before the event loop has its turn: about a millisecond. */
const PIECE = 2 ** 20;

const codes: { readonly [D in SavedArray['dtype']]: string } = { ...CODES, float64: 'F64' };
const dtypesByCode = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as SavedArray['dtype']]));
const bytesOf = ({ data }: SavedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/**
 * Writes a checkpoint: a safetensors file whose texts are the JSON and the SHA-256 of the whole file with zeros in place of that checksum's digits. The file appears whole or
 * not at all, on the disk when the promise resolves. Hashing and writing take turns with the event loop.
 */
export async function writeCheckpoint(path: string, { arrays, json }: CheckpointContents): Promise<void> {
  // Widest first, so that each is aligned in the file.
  const ordered = [...arrays].sort(([a, { data: x }], [b, { data: y }]) => y.BYTES_PER_ELEMENT - x.BYTES_PER_ELEMENT || (a < b ? -1 : 1));
  const header = encodeHeader(ordered, JSON.stringify(json));
  const hash = crypto().createHash('sha256');
  await writeAtomically(path, async (file) => {
    for (const bytes of [header, ...ordered.map(([, array]) => bytesOf(array))]) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        hash.update(piece);
        await writeAll(file, piece);
      }
    }
    await file.write(hash.digest('hex'), DIGITS_AT, 'latin1');
  });
}

function encodeHeader(arrays: readonly (readonly [string, SavedArray])[], json: string): Uint8Array {
  let offset = 0;
  const entries = arrays.map(([name, array]) => {
    const begin = offset;
    offset += array.data.byteLength;
    return [name, { dtype: codes[array.dtype], shape: array.shape, data_offsets: [begin, offset] }];
  });
  const metadata: [string, object] = ['__metadata__', { sha256: ZEROS, [JSON_NAME]: json }];
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries([metadata, ...entries])));
  if (text.length > MAX_HEADER - 8) throw new LimitError(`[checkpoint] what is no tensor takes ${text.length} bytes, expected at most ${MAX_HEADER - 8}. Leave large metrics, such as confusion matrices of many classes, to evaluate().`, { op: 'checkpoint' });
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

/** Reads a checkpoint, and holds all of it to its checksum. Throws FileFormatError, naming the file, for one that is damaged or none, and Node.js's own error. */
export function readCheckpoint(path: string): Promise<CheckpointContents> {
  return reading(path, async (file, { header, digits, dataStart, entries, json }, wrong) => {
    const hash = crypto().createHash('sha256').update(header);
    const arrays = new Map<string, SavedArray>();
    for (const entry of entries) {
      const bytes = new Uint8Array(allocate('checkpoint', `tensor '${entry.name}'`, entry.end - entry.begin, () => new ArrayBuffer(entry.end - entry.begin)));
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        await readAll(file, piece, dataStart + entry.begin + at, wrong);
        hash.update(piece);
      }
      arrays.set(entry.name, arrayOf(entry, bytes, wrong));
    }
    const found = hash.digest('hex');
    if (found !== digits) throw wrong(`its checksum is ${shortened(found)}, expected ${shortened(digits)}`);
    return { arrays, json };
  });
}

/** The JSON of a checkpoint alone, and what its header says of tensors, without holding the file to its checksum. Throws as readCheckpoint(). */
export function peekCheckpoint(path: string): Promise<{ readonly json: CheckpointContents['json']; readonly entries: readonly Entry[] }> {
  return reading(path, async (_, { json, entries }) => ({ json, entries }));
}

interface Beginning {
  /** With zeros in place of the checksum. */
  readonly header: Uint8Array;
  readonly digits: string;
  readonly dataStart: number;
  /** By position, without gaps. */
  readonly entries: readonly Entry[];
  readonly json: CheckpointContents['json'];
}

async function reading<R>(path: string, read: (file: FileHandle, beginning: Beginning, wrong: Wrong) => Promise<R>): Promise<R> {
  const wrong: Wrong = (what) => new FileFormatError(`[checkpoint] ${path} is no checkpoint that can be used: ${what}. Take another one.`, { op: 'checkpoint' });
  const file = await open(path);
  try {
    return await read(file, await readBeginning(file, wrong), wrong);
  } finally {
    await file.close();
  }
}

/** Tensors of a safetensors file, by its header, and its texts. */
export interface TensorList {
  readonly entries: readonly Entry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reads the header of any safetensors file. Throws FileFormatError, and Node.js's own error. */
export async function readTensorList(path: string): Promise<TensorList> {
  const wrong: Wrong = (what) => new FileFormatError(`[inspect] ${path} is no safetensors file that can be read: ${what}. Check the path, or copy the file again.`, { op: 'inspect' });
  const file = await open(path);
  try {
    return await readHeader(file, 8, wrong);
  } finally {
    await file.close();
  }
}

async function readBeginning(file: FileHandle, wrong: Wrong): Promise<Beginning> {
  const { header, dataStart, entries, metadata } = await readHeader(file, DIGITS_AT + DIGITS, wrong);
  const text = (from: number, to: number): string => Buffer.from(header.buffer, from, to - from).toString('latin1');
  if (text(8, DIGITS_AT) !== BEFORE_DIGITS) throw wrong('its header does not begin with a checksum, as those of checkpoints do');
  const digits = text(DIGITS_AT, DIGITS_AT + DIGITS);
  header.fill(0x30, DIGITS_AT, DIGITS_AT + DIGITS);
  return { header, digits, dataStart, entries, json: parseJson(metadata.get(JSON_NAME), wrong) };
}

async function readHeader(file: FileHandle, least: number, wrong: Wrong): Promise<TensorList & { readonly header: Uint8Array; readonly dataStart: number }> {
  const { size } = await file.stat();
  if (size < least) throw wrong(`it has ${size} bytes, expected at least ${least}`);
  const length = new Uint8Array(8);
  await readAll(file, length, 0, wrong);
  const claimed = new DataView(length.buffer).getBigUint64(0, true);
  if (claimed > BigInt(Math.min(MAX_HEADER, size - 8))) throw wrong(`its header claims ${claimed} bytes, expected at most ${Math.min(MAX_HEADER, size - 8)}: it is truncated, or of another format`);
  const dataStart = 8 + Number(claimed);
  const header = new Uint8Array(dataStart);
  await readAll(file, header, 0, wrong);
  return { header, dataStart, ...parseHeader(header.subarray(8), size - dataStart, wrong) };
}

function parseJson(text: string | undefined, wrong: Wrong): CheckpointContents['json'] {
  let json: unknown;
  try {
    json = JSON.parse(text ?? 'null');
  } catch (error) {
    throw wrong(`its '${JSON_NAME}' is no valid JSON (${(error as Error).message})`);
  }
  if (!isRecord(json)) throw wrong(`it has no '${JSON_NAME}' that is an object`);
  return json as CheckpointContents['json'];
}

function arrayOf({ name, code, shape }: Entry, { buffer }: Uint8Array, wrong: Wrong): SavedArray {
  const dtype = dtypesByCode.get(code);
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: new Float32Array(buffer) };
    case 'float64':
      return { dtype, shape, data: new Float64Array(buffer) };
    case 'int32':
      return { dtype, shape, data: new Int32Array(buffer) };
    case 'bool':
    case 'uint8':
      return { dtype, shape, data: new Uint8Array(buffer) };
    case undefined:
      throw wrong(`tensor '${name}' is ${code}, expected one of ${[...dtypesByCode.keys()].join(', ')}`);
  }
}

async function readAll(file: FileHandle, into: Uint8Array, position: number, wrong: Wrong): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw wrong('it became shorter while it was read');
    done += bytesRead;
  }
}

/** A checksum as messages have it; one that is no digits is from a file that is not to be trusted. */
function shortened(digits: string): string {
  return /^[0-9a-f]+$/.test(digits) ? `${digits.slice(0, 12)}...` : 'no number';
}
