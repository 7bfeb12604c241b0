// Kills and cuts by the thousand: npm run test:long. ANNEAL_KILLS and ANNEAL_CUTS say how many, ANNEAL_LONG_DIRECTORY on which disk; figures are printed, and kept in docs/reliability.md.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { info } from 'anneal';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/file.js';
import { Compiled } from '../../scripts/compiled.js';
import { Chance, compileDisk } from './disk.js';
import { killAndResume } from './kills.js';
import { cutAndResume } from './power.js';
import { run } from './subject.js';

const kills = Number(process.env['ANNEAL_KILLS'] ?? 1000);
const cuts = Number(process.env['ANNEAL_CUTS'] ?? 1000);
const seed = Number(process.env['ANNEAL_SEED'] ?? Date.now() % 2 ** 32);
const folder = mkdtempSync(join(process.env['ANNEAL_LONG_DIRECTORY'] ?? tmpdir(), 'anneal-long-'));
const compiled = new Compiled();
const disk = compileDisk(folder);
let script: string;
beforeAll(async () => {
  script = await compiled.script(join(import.meta.dirname, 'child.ts'));
});
afterAll(() => {
  compiled.remove();
  rmSync(folder, { recursive: true });
});

/** Targets that leave the same bits. */
const targets = info().targets.filter((target) => ['avx2', 'avx512', 'neon'].includes(target));

function report(what: string, figures: object, start: number): void {
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${what}, seed ${seed}, targets ${targets.join(' and ')}, ${seconds} s: ${JSON.stringify(figures)}`);
}

test(`${kills} kills at random instants, half of the processes on a disk that fills, on 1 to 4 threads, by any target`, { timeout: 0 }, async () => {
  const start = performance.now();
  const figures = await killAndResume({ kills, parallel: 2, script, folder, epochs: 40, everySteps: 17, within: 250, chance: new Chance(seed), disk, targets: targets.length > 0 ? targets : [info().target] });
  report('kills', figures, start);
  expect(figures).toMatchObject({ damaged: 0, lost: 0, differing: 0 });
  expect(figures.kills).toBeGreaterThanOrEqual(kills);
});

test.runIf(disk !== undefined)(`${cuts} losses of power`, { timeout: 0 }, async () => {
  const start = performance.now();
  mkdirSync(join(folder, 'power'));
  const figures = await cutAndResume({ cuts, script, folder: join(folder, 'power'), epochs: 6, everySteps: 17, chance: new Chance(seed), disk: disk! });
  report('cuts', figures, start);
  expect(figures).toMatchObject({ cuts, damaged: 0, lost: 0, differing: 0 });
});

// A disk of its own, which root alone can have.
const small = join(folder, 'small');
const mounted = process.platform === 'linux' && process.getuid?.() === 0 && (mkdirSync(small), spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'anneal', small]).status === 0);
afterAll(() => {
  if (mounted) spawnSync('umount', [small]);
});

test.runIf(mounted)('a disk of 400 kB that is full: training goes on to the same bits, and what was written is whole', { timeout: 0 }, async () => {
  const start = performance.now();
  const dir = join(small, 'training');
  spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'filler')}`, 'bs=1k', 'count=150']);
  const child = spawn(process.execPath, [script, dir, '12', '17'], { env: { ...process.env, ANNEAL_DEBUG: '' } });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  expect(out).toContain(`ends ${await run({ epochs: 12, everySteps: 17 })}`);
  expect(errors.match(/ANNEAL_CHECKPOINT_FAILED.*ENOSPC/g)).toHaveLength(1);
  const names = readdirSync(dir).filter((name) => name.endsWith('.safetensors') && !name.startsWith('.'));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) await readCheckpoint(join(dir, name));
  report('full disk', { checkpoints: names.length }, start);
});
