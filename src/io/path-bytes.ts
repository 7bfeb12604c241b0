import { basename, dirname } from 'node:path';

/** A path's bytes, a character each (latin1): names that are no UTF-8 stay what they are while they are taken apart. */
export type PathBytes = string & { readonly bytes: unique symbol };

export function bytesOfPath(path: string | Buffer): PathBytes {
  return (typeof path === 'string' ? Buffer.from(path) : path).toString('latin1') as PathBytes;
}

/** The path as the functions of node:fs take it. */
export function atPath(path: PathBytes): Buffer {
  return Buffer.from(path, 'latin1');
}

export function dirnameOf(path: PathBytes): PathBytes {
  return dirname(path) as PathBytes;
}

export function basenameOf(path: PathBytes): string {
  return basename(path);
}

/** A name, or a path, as seen from a directory. Not path.join(), which takes '..' for the folder above also behind a symbolic link. */
export function joined(directory: PathBytes, name: string): PathBytes {
  return `${directory}/${name}` as PathBytes;
}
