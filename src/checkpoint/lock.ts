import type * as Fs from 'node:fs';
import { link, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import type * as Os from 'node:os';
import { BusyError } from '../errors.js';
import { atPath, bytesOfPath } from '../io/path-bytes.js';
import { removeStale, temporaryFor } from '../io/temporaries.js';
import { lazyRequire } from '../lazy-require.js';
import { isRecord } from '../records.js';

const fs = lazyRequire<typeof Fs>('node:fs');
const os = lazyRequire<typeof Os>('node:os');

const NAME = '.lock';
/** A lock is touched so often while it is held, and one of another machine that nobody has touched for so long is stale. */
const TOUCH_MS = 10_000;
const STALE_MS = 60_000;

/** Process that holds a directory. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Start of the process, in words that no other process of this number has; as a time where the system tells no more. */
  readonly start: string;
  readonly since: string;
}

/** A directory that this process alone writes to. */
export class DirectoryLock {
  readonly #path: string;
  readonly #text: string;
  readonly #touch: NodeJS.Timeout;
  readonly #onExit = (): void => this.#remove();

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    this.#touch = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), TOUCH_MS);
    this.#touch.unref();
    process.on('exit', this.#onExit);
  }

  /** Takes a directory. Rejects with BusyError where another process that is there, or this one, has it, and with Node.js's own error. */
  static async acquire(op: string, directory: string): Promise<DirectoryLock> {
    const path = `${directory}/${NAME}`;
    const text = JSON.stringify({ pid: process.pid, host: os().hostname(), start: startOf(process.pid)!, since: new Date().toISOString() } satisfies Holder);
    for (let attempt = 0; ; attempt++) {
      if (await create(path, text)) return new DirectoryLock(path, text);
      const found = await contentsOf(path);
      if (found === undefined) continue;
      if (attempt >= 3 || !(await isStale(found))) throw heldBy(op, directory, found.text);
      await take(path, found.text);
    }
  }

  async release(): Promise<void> {
    this.#end();
    if ((await contentsOf(this.#path))?.text === this.#text) await unlink(this.#path).catch(() => undefined);
  }

  #end(): void {
    clearInterval(this.#touch);
    process.off('exit', this.#onExit);
  }

  /** For processes that end: nothing can be awaited. */
  #remove(): void {
    try {
      if (fs().readFileSync(this.#path, 'utf8') === this.#text) fs().unlinkSync(this.#path);
    } catch {
      // It is stale then, which others see.
    }
  }
}

/** Makes a lock that says all that it says from its first moment on, also after the power has failed: a second name of a file that is on the disk. */
async function create(path: string, text: string): Promise<boolean> {
  await removeStale(bytesOfPath(path));
  const draft = asideOf(path);
  try {
    await write(draft, text);
    await link(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems on which a file has one name only.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return createPlainly(path, text);
    throw error;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

async function createPlainly(path: string, text: string): Promise<boolean> {
  try {
    await write(path, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function write(path: string | Buffer, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name beside a lock, which goes with the next lock where its process is killed. */
const asideOf = (path: string): Buffer => atPath(temporaryFor(bytesOfPath(path)));

interface Contents {
  readonly text: string;
  readonly touched: number;
}

async function contentsOf(path: string): Promise<Contents | undefined> {
  try {
    return { text: await readFile(path, 'utf8'), touched: (await stat(path)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Returns whether whoever holds it is gone. One of this machine is asked for; others are known by how long nobody has touched the lock. */
async function isStale({ text, touched }: Contents): Promise<boolean> {
  const holder = parse(text);
  const untouched = Date.now() - touched > STALE_MS;
  // Nothing but a beginning is there: it is being written, or its writer was killed in between.
  if (holder === undefined) return untouched;
  if (holder.host !== os().hostname()) return untouched;
  const start = startOf(holder.pid);
  return start === undefined || (start !== THERE && start !== holder.start);
}

function parse(text: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(text);
    return isRecord(holder) && Number.isSafeInteger(holder['pid']) && (holder['pid'] as number) > 0 && typeof holder['host'] === 'string' ? (holder as unknown as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Start of a process of which the system tells no more than that it is there. */
const THERE = 'there';

/**
 * Start of a process, so that another one that has its number later is told apart: by Linux in ticks since the system was started, elsewhere only that it is there. Undefined
 * where there is none of this number.
 */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  try {
    const status = fs().readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may hold anything.
    return `${fs().readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${status.slice(status.lastIndexOf(')') + 2).split(' ')[19]!}`;
  } catch {
    return pid === process.pid ? `${Math.round(performance.timeOrigin)}` : THERE;
  }
}

/** Removes a stale lock, unless another process has done so and holds the directory now. */
async function take(path: string, text: string): Promise<void> {
  const aside = asideOf(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) === text) return unlink(aside);
  await rename(aside, path);
}

function heldBy(op: string, directory: string, text: string): BusyError {
  const holder = parse(text);
  const mine = holder?.pid === process.pid && holder.host === os().hostname();
  const who = holder === undefined ? 'somebody who has just begun' : `${mine ? 'this process' : `process ${holder.pid} on ${holder.host}`}, since ${holder.since}`;
  const advice = mine ? 'Await what writes to it, or take another directory.' : `Wait for it, or take another directory; where it is surely gone, delete ${NAME} in it.`;
  return new BusyError(`[${op}] the directory ${directory} is being written to by ${who}. ${advice}`, { op });
}
