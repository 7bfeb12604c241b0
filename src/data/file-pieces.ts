import type * as Fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type * as Stream from 'node:stream';
import type * as Promises from 'node:stream/promises';
import type * as Zlib from 'node:zlib';
import { FileFormatError } from '../errors.js';
import { shownPath } from '../io/check-path.js';
import { lazyRequire } from '../lazy-require.js';

const fs = lazyRequire<typeof Fs>('node:fs');
const stream = lazyRequire<typeof Stream>('node:stream');
const promises = lazyRequire<typeof Promises>('node:stream/promises');
const zlib = lazyRequire<typeof Zlib>('node:zlib');

const PIECE = 1 << 20;
/** deflate cannot expand more than this (zlib's technical details), so what a file can hold is known before it is unpacked. */
const MAX_EXPANSION = 1032;
/** Bytes of the shortest gzip member: header, an empty block, check sum and length. */
const SHORTEST_MEMBER = 20;

/** A file, as its first and last bytes show it. */
export interface ExaminedFile {
  readonly path: string | Buffer;
  readonly size: number;
  /** True if it is packed by gzip, whatever its name. */
  readonly packed: boolean;
  /** Bytes that it can have at most, once it is unpacked. */
  readonly available: number;
  /** Bytes that it has once it is unpacked, modulo 2^32, as gzip's trailer claims; of a plain file its size. */
  readonly claimed: number;
}

/** Looks at a file. Throws Node.js's own error for one that cannot be opened. */
export async function examine(path: string | Buffer): Promise<ExaminedFile> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const [first, second] = await bytesAt(file, 0, 2);
    const packed = first === 0x1f && second === 0x8b;
    if (!packed) return { path, size, packed, available: size, claimed: size };
    const trailer = size < SHORTEST_MEMBER ? new Uint8Array(4) : await bytesAt(file, size - 4, 4);
    return { path, size, packed, available: size * MAX_EXPANSION, claimed: new DataView(trailer.buffer).getUint32(0, true) };
  } finally {
    await file.close();
  }
}

async function bytesAt(file: FileHandle, position: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  await file.read(bytes, 0, count, position);
  return bytes;
}

/**
 * Reads a file in pieces, unpacked, so that none of its size is in memory; `write` may throw to end it. Throws FileFormatError, naming the file, for gzip
 * that is damaged, ends early or has anything behind it.
 */
export async function readPieces(op: string, { path, size, packed }: ExaminedFile, write: (piece: Uint8Array) => void): Promise<void> {
  const { pipeline } = promises();
  const source = fs().createReadStream(path, { highWaterMark: PIECE });
  const sink = new (stream().Writable)({ write: (piece: Uint8Array, _, done) => done(failureOf(() => write(piece))) });
  if (!packed) return pipeline(source, sink);
  const gunzip = zlib().createGunzip({ chunkSize: PIECE });
  try {
    await pipeline(source, gunzip, sink);
  } catch (error) {
    throw unreadable(op, path, error);
  }
  if (gunzip.bytesWritten < size) throw trailing(op, path, size, gunzip.bytesWritten);
}

/** Pieces of a file, unpacked, one by one: the next is read when it is asked for. Throws as readPieces() does. */
export async function* piecesOf(op: string, path: string | Buffer): AsyncGenerator<Buffer, void, undefined> {
  const { size, packed } = await examine(path);
  const source = fs().createReadStream(path, { highWaterMark: PIECE });
  if (!packed) return yield* source as AsyncIterable<Buffer>;
  const gunzip = zlib().createGunzip({ chunkSize: PIECE });
  // What goes wrong here ends gunzip, too, and is thrown there.
  promises().pipeline(source, gunzip).catch(() => undefined);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw unreadable(op, path, error);
  } finally {
    source.destroy();
  }
  if (gunzip.bytesWritten < size) throw trailing(op, path, size, gunzip.bytesWritten);
}

function unreadable(op: string, path: string | Buffer, error: unknown): unknown {
  return isZlibError(error) ? wrong(op, path, `gzip reports '${error.message}'`, error) : error;
}

function trailing(op: string, path: string | Buffer, size: number, end: number): FileFormatError {
  return wrong(op, path, `${size - end} bytes follow its gzip data, which ends after ${end}`);
}

function wrong(op: string, path: string | Buffer, what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`[${op}] ${shownPath(path)} cannot be read: ${what}. Download or copy it again, or unpack it with gunzip.`, { op, cause });
}

function failureOf(fn: () => void): Error | null {
  try {
    fn();
    return null;
  } catch (error) {
    return error as Error;
  }
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}
