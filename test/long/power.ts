// Cuts the power of a recorded training at random moments, and goes on from what each cut leaves.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from '../../src/checkpoint/file.js';
import { type Chance, cutPower, readLog, stepOf } from './disk.js';
import { run } from './subject.js';

export interface PowerOptions {
  readonly cuts: number;
  /** Compiled child.ts. */
  readonly script: string;
  readonly folder: string;
  readonly epochs: number;
  readonly everySteps: number;
  readonly chance: Chance;
  readonly disk: string;
}

export interface PowerFigures {
  cuts: number;
  /** Changes to the disk in the recorded training, between which it was cut. */
  changes: number;
  /** Cuts in the middle of a checkpoint. */
  whileWriting: number;
  read: number;
  damaged: number;
  /** Cuts that left no checkpoint as late as the latest that its writer took for safe. */
  lost: number;
  /** Trainings that left other bits at the end. */
  differing: number;
}

export async function cutAndResume({ cuts, script, folder, epochs, everySteps, chance, disk }: PowerOptions): Promise<PowerFigures> {
  const directory = join(folder, 'recorded');
  const log = join(folder, 'log');
  mkdirSync(directory);
  const env = { ...process.env, ANNEAL_DEBUG: '', LD_PRELOAD: disk, ANNEAL_DISK_DIRECTORY: directory, ANNEAL_DISK_LOG: log };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, directory, String(epochs), String(everySteps)], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the recorded training ended with ${status}: ${stderr}`);
  const wanted = await run({ epochs, everySteps });
  if (/^ends (\w+)$/m.exec(stdout)?.[1] !== wanted) throw new Error('the recorded training left other bits than one without checkpoints');
  const changes = readLog(log);
  const figures: PowerFigures = { cuts: 0, changes: changes.length, whileWriting: 0, read: 0, damaged: 0, lost: 0, differing: 0 };
  for (; figures.cuts < cuts; figures.cuts++) {
    const left = join(folder, `cut-${figures.cuts}`);
    // Some of them while the directory is taken.
    const cut = chance.below(1 + (figures.cuts % 4 === 0 ? Math.min(12, changes.length) : changes.length));
    if (changes[cut - 1]?.kind === 'write') figures.whileWriting++;
    const safe = cutPower(changes, cut, chance, left);
    let latest = -1;
    for (const name of readdirSync(left).filter((one) => !one.startsWith('.'))) {
      figures.read++;
      await readCheckpoint(join(left, name)).then(
        () => (latest = Math.max(latest, stepOf(name))),
        () => figures.damaged++,
      );
    }
    if (latest < safe) figures.lost++;
    if ((await run({ dir: left, epochs, everySteps })) !== wanted) figures.differing++;
    rmSync(left, { recursive: true });
  }
  return figures;
}
