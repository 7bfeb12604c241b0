import type { Stats } from 'node:fs';
import { access, constants, type FileHandle, open, readlink, realpath, rename, stat, unlink } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { atPath, bytesOfPath, dirnameOf, joined, type PathBytes } from './path-bytes.js';
import { removeStale, temporaryFor } from './temporaries.js';

/**
 * Writes a file so that `path` holds either its old content or all of the new one, also after a crash: `write` fills a
 * temporary file beside it, which is flushed to the disk and then takes its name. The file keeps its permissions and, where the system lets us,
 * its owner; one behind symbolic links is replaced where it is. A device or a pipe is written to.
 */
export async function writeAtomically(path: string | Buffer, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const named = bytesOfPath(path);
  const existing = await statOf(named);
  if (existing !== undefined && !existing.isFile()) return writeDirectly(named, write);
  const target = await followLinks(named);
  // Renaming would replace a file that its owner has protected from writing.
  if (existing !== undefined) await access(atPath(target), constants.W_OK);
  await removeStale(target);
  await replace(target, existing, write);
  await syncDirectory(dirnameOf(target));
}

async function statOf(path: PathBytes): Promise<Stats | undefined> {
  try {
    return await stat(atPath(path));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function writeDirectly(path: PathBytes, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(atPath(path), 'w');
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

/** The file that a path leads to, also where a link points to none that exists yet. */
async function followLinks(path: PathBytes): Promise<PathBytes> {
  try {
    return bytesOfPath(await realpath(atPath(path), { encoding: 'buffer' }));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const link = await linkAt(path);
  if (link === undefined) return path;
  return followLinks(isAbsolute(link) ? link : joined(dirnameOf(path), link));
}

/** Returns the target of a symbolic link; undefined for everything else. */
async function linkAt(path: PathBytes): Promise<PathBytes | undefined> {
  try {
    return bytesOfPath(await readlink(atPath(path), { encoding: 'buffer' }));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

async function replace(target: PathBytes, existing: Stats | undefined, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporaryFor(target);
  const file = await open(atPath(temporary), 'wx', existing && existing.mode & 0o777);
  try {
    try {
      if (existing !== undefined) await keepAccess(file, existing);
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(atPath(temporary), atPath(target));
  } catch (error) {
    await unlink(atPath(temporary)).catch(() => undefined);
    throw error;
  }
}

/** Gives the new file the owner, the group and the permissions of the old one. Only root can give a file away; others keep what they can. */
async function keepAccess(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const fresh = await file.stat();
  // Each by itself, for one may be refused; -1 leaves the other as it is.
  if (fresh.gid !== gid) await file.chown(-1, gid).catch(() => undefined);
  if (fresh.uid !== uid) await file.chown(uid, -1).catch(() => undefined);
  if ((await file.stat()).mode !== mode) await file.chmod(mode & 0o7777);
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(String((error as NodeJS.ErrnoException).code));
}

/** Makes the new name last. Some systems (Windows) cannot open a directory; there the rename itself has to do. */
async function syncDirectory(path: PathBytes): Promise<void> {
  try {
    const directory = await open(atPath(path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch {
    return;
  }
}

/** Writes all of `bytes` at the file's current position. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30));
    done += bytesWritten;
  }
}
