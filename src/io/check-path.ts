import { fileURLToPath } from 'node:url';
import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';

/** A path as the functions of node:fs take it. Throws ArgumentError for what cannot be one. */
export function checkPath(op: string, path: unknown): string | Buffer {
  if (path instanceof URL) return fromUrl(op, path);
  const valid = typeof path === 'string' || path instanceof Uint8Array;
  if (!valid) throw new ArgumentError(`[${op}] path: got ${describeValue(path)}, expected a string, a Buffer or a URL, as in ${op}('model.safetensors').`, { op });
  if (path.length === 0 || (typeof path === 'string' ? path.includes('\0') : path.includes(0))) {
    throw new ArgumentError(`[${op}] path: got ${path.length === 0 ? 'an empty one' : 'one with a null character in it'}, expected the path of a file. Correct the path.`, { op });
  }
  return typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}

function fromUrl(op: string, url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new ArgumentError(`[${op}] path: got the URL ${url.href}, expected one of a file, as in new URL('model.safetensors', import.meta.url). Download the file first.`, { op, cause });
  }
}

/** The path as it stands in messages. */
export function shownPath(path: string | Buffer): string {
  return typeof path === 'string' ? path : path.toString();
}
