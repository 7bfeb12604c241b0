// A recorded disk (disk.c), and what a loss of power may leave of it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The library that stands before the C library, compiled into `folder`; undefined where there is no compiler, or no Linux. */
export function compileDisk(folder: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const file = join(folder, 'disk.so');
  const { status } = spawnSync(process.env['CC'] ?? 'gcc', ['-shared', '-fPIC', '-O1', '-o', file, join(import.meta.dirname, 'disk.c'), '-ldl', '-pthread']);
  return status === 0 ? file : undefined;
}

/** Numbers by which an imitation chooses, from a seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }
}

type Change =
  | { readonly kind: 'create'; readonly file: number; readonly name: string }
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'flush'; readonly file: number }
  | { readonly kind: 'rename'; readonly file: number; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly name: string }
  | { readonly kind: 'flushnames' };

/** The changes that a process made below its directory, in order. */
export function readLog(path: string): Change[] {
  const log = readFileSync(path);
  const changes: Change[] = [];
  for (let at = 0; at < log.length; ) {
    const end = log.indexOf(10, at);
    const line = log.toString('utf8', at, end);
    const [kind, ...rest] = line.split(' ');
    const text = rest.slice(1).join(' ');
    at = end + 1;
    if (kind === 'write') {
      const count = Number(rest[2]);
      changes.push({ kind, file: Number(rest[0]), at: Number(rest[1]), bytes: log.subarray(at, at + count) });
      at += count;
    } else if (kind === 'create') changes.push({ kind, file: Number(rest[0]), name: text });
    else if (kind === 'rename') changes.push({ kind, file: Number(rest[0]), from: text.split('\t')[0]!, to: text.split('\t')[1]! });
    else if (kind === 'flush') changes.push({ kind, file: Number(rest[0]) });
    else if (kind === 'unlink') changes.push({ kind, name: rest.join(' ') });
    else if (kind === 'flushnames') changes.push({ kind });
    else throw new Error(`the log has the line ${line}`);
  }
  return changes;
}

const PAGE = 4096;

/**
 * Makes `directory` what is left when the power fails after `cut` changes. What was flushed is there. Of the bytes that were not, each page is there or not, on its own, and the
 * length is the old or the new one; of the names that were not, each change was made or not. Returns the greatest step that its writer took for
 * safe: it had begun with another file.
 */
export function cutPower(changes: readonly Change[], cut: number, chance: Chance, directory: string): number {
  const files = new Map<number, Contents>();
  const names = new Map<string, number>();
  const pending: Change[] = [];
  let renamed = -1;
  let safe = -1;
  for (const change of changes.slice(0, cut)) {
    if (change.kind === 'write') contentsOf(files, change.file).write(change.at, change.bytes);
    else if (change.kind === 'flush') contentsOf(files, change.file).flush();
    else if (change.kind === 'flushnames') {
      for (const one of pending.splice(0)) apply(names, one);
    } else pending.push(change);
    if (change.kind === 'rename') renamed = Math.max(renamed, stepOf(change.to));
    if (change.kind === 'create' && change.name.endsWith('.tmp')) safe = renamed;
  }
  for (const change of pending) if (chance.next() < 0.5) apply(names, change);
  mkdirSync(directory, { recursive: true });
  for (const [name, file] of names) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), contentsOf(files, file).left(chance));
  }
  return safe;
}

function apply(names: Map<string, number>, change: Change): void {
  if (change.kind === 'create') names.set(change.name, change.file);
  else if (change.kind === 'unlink') names.delete(change.name);
  else if (change.kind === 'rename') {
    names.delete(change.from);
    names.set(change.to, change.file);
  }
}

export const stepOf = (name: string): number => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? -1);

function contentsOf(files: Map<number, Contents>, file: number): Contents {
  let contents = files.get(file);
  if (contents === undefined) files.set(file, (contents = new Contents()));
  return contents;
}

/** A file: what is on the disk, and the writes that are not. */
class Contents {
  #durable: Buffer = Buffer.alloc(0);
  #unflushed: { readonly at: number; readonly bytes: Buffer }[] = [];

  write(at: number, bytes: Buffer): void {
    this.#unflushed.push({ at, bytes });
  }

  flush(): void {
    this.#durable = this.#whole();
    this.#unflushed = [];
  }

  /** All of it, or as much as is left. */
  left(chance: Chance): Buffer {
    if (this.#unflushed.length === 0) return this.#durable;
    const whole = this.#whole();
    const left = Buffer.alloc(chance.next() < 0.5 ? whole.length : this.#durable.length);
    for (let at = 0; at < left.length; at += PAGE) left.set((chance.next() < 0.5 ? whole : this.#durable).subarray(at, Math.min(at + PAGE, left.length)), at);
    return left;
  }

  #whole(): Buffer {
    const length = this.#unflushed.reduce((most, { at, bytes }) => Math.max(most, at + bytes.length), this.#durable.length);
    const whole = Buffer.alloc(length);
    this.#durable.copy(whole);
    for (const { at, bytes } of this.#unflushed) bytes.copy(whole, at);
    return whole;
  }
}
