// Kills training processes at random instants, begins them again, and holds what they leave at the end to what an uninterrupted one leaves.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readCheckpoint } from '../../src/checkpoint/file.js';
import { type Chance, stepOf } from './disk.js';
import { run } from './subject.js';

export interface KillOptions {
  readonly kills: number;
  /** Processes at once. */
  readonly parallel: number;
  /** Compiled child.ts. */
  readonly script: string;
  /** Folder of the directories of trainings. */
  readonly folder: string;
  readonly epochs: number;
  readonly everySteps: number;
  /** Milliseconds after the beginning of training within which it is killed. */
  readonly within: number;
  readonly chance: Chance;
  /** The library of a disk that fills; undefined for one that does not. */
  readonly disk: string | undefined;
  /** Targets of kernels to choose from. */
  readonly targets: readonly string[];
}

export interface KillFigures {
  kills: number;
  /** Kills that left a file of which writing had begun. */
  whileWriting: number;
  /** Kills before training had begun. */
  whileLoading: number;
  /** Processes whose disk filled now and then. */
  withFullDisk: number;
  /** Trainings that came to their end, and those of them that left other bits. */
  finished: number;
  differing: number;
  /** Checkpoints that were read after kills, and those that were damaged. */
  read: number;
  damaged: number;
  /** Kills after which a later checkpoint was there before than after. */
  lost: number;
}

export async function killAndResume(options: KillOptions): Promise<KillFigures> {
  const { epochs, everySteps } = options;
  const wanted = await run({ epochs, everySteps });
  const figures: KillFigures = { kills: 0, whileWriting: 0, whileLoading: 0, withFullDisk: 0, finished: 0, differing: 0, read: 0, damaged: 0, lost: 0 };

  const worker = async (): Promise<void> => {
    while (figures.kills < options.kills) await oneTraining(options, wanted, figures, () => figures.kills < options.kills);
  };

  await Promise.all(Array.from({ length: options.parallel }, worker));
  return figures;
}

let trainings = 0;

/** One training, from its beginning to its end, killed again and again. */
async function oneTraining(options: KillOptions, wanted: string, figures: KillFigures, more: () => boolean): Promise<void> {
  const directory = join(options.folder, `training-${trainings++}`);
  mkdirSync(directory);
  for (let latest = -1; ; ) {
    const kills = more();
    const ended = await oneProcess(options, directory, figures, kills);
    if (ended !== undefined) {
      figures.finished++;
      if (ended !== wanted) figures.differing++;
      break;
    }
    figures.kills++;
    if (readdirSync(directory).some((name) => name.endsWith('.tmp'))) figures.whileWriting++;
    const now = await checkFiles(directory, figures);
    if (now < latest) figures.lost++;
    latest = now;
  }
  rmSync(directory, { recursive: true });
}

/** Reads every checkpoint, and returns the greatest step. */
async function checkFiles(directory: string, figures: KillFigures): Promise<number> {
  const names = readdirSync(directory).filter((name) => name.endsWith('.safetensors') && !name.startsWith('.'));
  for (const name of names) {
    figures.read++;
    await readCheckpoint(join(directory, name)).catch(() => figures.damaged++);
  }
  return Math.max(-1, ...names.map(stepOf));
}

/** Resolves with the hash where it came to its end. */
async function oneProcess({ script, epochs, everySteps, within, chance, disk, targets }: KillOptions, directory: string, figures: KillFigures, kills: boolean): Promise<string | undefined> {
  const full = disk !== undefined && kills && chance.next() < 0.5;
  if (full) figures.withFullDisk++;
  const env = {
    ...process.env,
    ANNEAL_DEBUG: '',
    NODE_NO_WARNINGS: '1',
    ANNEAL_THREADS: String(1 + chance.below(4)),
    ANNEAL_TARGET: targets[chance.below(targets.length)]!,
    ...(full ? { LD_PRELOAD: disk, ANNEAL_DISK_DIRECTORY: directory, ANNEAL_DISK_FULL: '20000' } : {}),
  };
  const child = spawn(process.execPath, [script, directory, String(epochs), String(everySteps)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  let hash: string | undefined;
  let begins = false;
  if (kills && chance.next() < 0.1) setTimeout(() => child.kill('SIGKILL'), chance.next() * 400);
  createInterface(child.stdout).on('line', (line) => {
    const [what, value] = line.split(' ');
    if (what === 'ends') hash = value;
    if (what !== 'begins') return;
    begins = true;
    if (kills) killLater(child, directory, within, chance);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.on('close', (...end) => resolve(end)));
  if (signal === 'SIGKILL') {
    if (!begins) figures.whileLoading++;
    return undefined;
  }
  if (code !== 0 || hash === undefined) throw new Error(`training ended with ${code ?? signal}: ${errors.join('')}`);
  return hash;
}

/** Kills after a while; or after a while at the next file that is begun, and in the middle of it. */
function killLater(child: ChildProcess, directory: string, within: number, chance: Chance): void {
  const onWrite = chance.next() < 0.6;
  const timer = setTimeout(() => {
    if (!onWrite || !existsSync(directory)) return void child.kill('SIGKILL');
    const watcher = watch(directory, (_, name) => {
      if (name === null || !name.endsWith('.tmp')) return;
      watcher.close();
      const delay = chance.next() * 4;
      if (delay < 1) child.kill('SIGKILL');
      else setTimeout(() => child.kill('SIGKILL'), delay);
    });
    child.on('close', () => watcher.close());
  }, chance.next() * within);
  child.on('close', () => clearTimeout(timer));
}
