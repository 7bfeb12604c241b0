import { constants, type FileHandle, open } from 'node:fs/promises';
import { DataError, FileFormatError } from '../errors.js';

const OP = 'data.fromImageFolder';
/** More than any photograph has. */
const MAX_BYTES = 2 ** 28;

/** Flags by which a link, or a pipe that nobody writes to, in place of a file is an error and not followed or waited for; Windows has none. */
const FLAGS = constants.O_RDONLY | ((constants.O_NOFOLLOW as number | undefined) ?? 0) | ((constants.O_NONBLOCK as number | undefined) ?? 0);

/**
 * Reads an image whole, at the place `at`, which messages call `path`. Throws DataError for a file that cannot be read, is none, is too large, or changes meanwhile;
 * FileFormatError for one that is no image of a known format, whatever its name.
 */
export async function readImage(at: string, path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(at, FLAGS);
    const before = await file.stat();
    const { size } = before;
    if (!before.isFile()) throw new DataError(`[${OP}] ${path} is no file any more, expected an image. List the folder again.`, { op: OP });
    if (size > MAX_BYTES) throw new DataError(`[${OP}] ${path} has ${size} bytes, expected at most ${MAX_BYTES}. Make it smaller, or move it out of the folder.`, { op: OP });
    const bytes = Buffer.allocUnsafe(size);
    const filled = await fill(file, bytes);
    const after = await file.stat();
    if (filled < size || after.size !== size || after.mtimeMs !== before.mtimeMs) {
      throw new DataError(`[${OP}] ${path} was changed while it was read: got ${filled} of ${size} bytes, and ${after.size} at the end. Train on files that nobody writes.`, { op: OP });
    }
    const reason = noImage(bytes);
    if (reason !== undefined) throw damaged(path, reason);
    return bytes;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw new DataError(`[${OP}] ${path} cannot be read: ${(cause as Error).message}. Correct the file's permissions, or list the folder again.`, { op: OP, cause });
  } finally {
    await file?.close();
  }
}

async function fill(file: FileHandle, bytes: Buffer): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** The error of an image that cannot be decoded. */
export function damaged(path: string, what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`[${OP}] ${path} is damaged: ${what}. Repair or remove it, or leave such images out: { onDamaged: 'skip' }.`, { op: OP, cause });
}

/** The reason why bytes are no image of a known format, whatever a file is called; undefined where they are one. */
export function noImage(bytes: Buffer): string | undefined {
  if (isImage(bytes)) return undefined;
  if (bytes.length === 0) return 'it is empty';
  return `it begins with ${[...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}, which is no PNG, JPEG, WebP, AVIF, GIF or TIFF, whatever its name`;
}

/** Returns whether a file begins as one of the formats that are read. No other reaches a decoder: SVG, for one, could name further files. */
function isImage(bytes: Buffer): boolean {
  const at = (position: number, text: string): boolean => bytes.toString('latin1', position, position + text.length) === text;
  return (
    at(0, '\x89PNG\r\n\x1a\n') ||
    at(0, '\xff\xd8\xff') ||
    (at(0, 'RIFF') && at(8, 'WEBP')) ||
    (at(4, 'ftyp') && isAvif(bytes)) ||
    at(0, 'GIF87a') ||
    at(0, 'GIF89a') ||
    ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => at(0, magic))
  );
}

/** Returns whether the brands of an ISO media file, four letters each in its first box, have AVIF among them. */
function isAvif(bytes: Buffer): boolean {
  if (bytes.length < 16) return false;
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 256);
  for (let i = 8; i + 4 <= end; i += 4) if (['avif', 'avis'].includes(bytes.toString('latin1', i, i + 4))) return true;
  return false;
}
