import type * as Crypto from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import type * as Os from 'node:os';
import { lazyRequire } from '../lazy-require.js';
import { atPath, basenameOf, dirnameOf, joined, type PathBytes } from './path-bytes.js';

const crypto = lazyRequire<typeof Crypto>('node:crypto');
const os = lazyRequire<typeof Os>('node:os');

/** Of the names that file systems take: 255 bytes. */
const LONGEST_NAME = 200;
/** A temporary file of another machine, or of a process whose number another one has now, is given up when nobody wrote to it for so long. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** A new name beside `path`, by which a later save can tell whether whoever made it is still there: `.name.host-process-random.tmp`. */
export function temporaryFor(path: PathBytes): PathBytes {
  return joined(dirnameOf(path), `${prefixFor(path)}${host()}-${process.pid}-${crypto().randomBytes(4).toString('hex')}.tmp`);
}

/** Removes what processes left beside `path` that were killed while they saved to it. */
export async function removeStale(path: PathBytes): Promise<void> {
  const prefix = prefixFor(path);
  try {
    for (const name of await readdir(atPath(dirnameOf(path)), { encoding: 'latin1' as BufferEncoding })) {
      if (!name.startsWith(prefix)) continue;
      const made = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length));
      const temporary = joined(dirnameOf(path), name);
      if (made !== null && (await isStale(temporary, made[1]!, Number(made[2])))) await unlink(atPath(temporary));
    }
  } catch {
    // What cannot be listed or removed does not keep anyone from saving.
  }
}

async function isStale(temporary: PathBytes, host_: string, pid: number): Promise<boolean> {
  if (host_ === host() && pid !== process.pid && !isAlive(pid)) return true;
  const { mtimeMs } = await stat(atPath(temporary));
  // A number that is ours now was another process's before we began.
  if (host_ === host() && pid === process.pid && mtimeMs < Date.now() - 1000 * (process.uptime() + 5)) return true;
  return mtimeMs < Date.now() - ABANDONED_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** This machine, or container: process numbers mean something within it only. */
function host(): string {
  return crypto().createHash('sha256').update(os().hostname()).digest('hex').slice(0, 8);
}

/** Returns the prefix of the names of all temporary files for `path`. */
function prefixFor(path: PathBytes): string {
  return `.${shortened(basenameOf(path))}.`;
}

/** The beginning of a name, cut between characters of UTF-8. */
function shortened(name: string): string {
  let end = Math.min(name.length, LONGEST_NAME);
  while (end < name.length && (name.charCodeAt(end) & 0xc0) === 0x80) end--;
  return name.slice(0, end);
}
