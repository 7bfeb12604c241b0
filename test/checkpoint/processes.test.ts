// Processes that train with checkpoints: killed, told to end, cut from power. The long form is test/long, with more of each.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { info } from 'anneal';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSnapshot } from '../../src/checkpoint/snapshot.js';
import { Compiled } from '../../scripts/compiled.js';
import { Chance, compileDisk } from '../long/disk.js';
import { killAndResume } from '../long/kills.js';
import { cutAndResume } from '../long/power.js';
import { newDirectory } from './training.js';

const folder = newDirectory();
const compiled = new Compiled();
const disk = compileDisk(folder);
let script: string;
let signalled: string;
beforeAll(async () => {
  script = await compiled.script(join(import.meta.dirname, '../long/child.ts'));
  signalled = await compiled.script(join(import.meta.dirname, 'signalled.ts'));
});
afterAll(() => {
  compiled.remove();
  rmSync(folder, { recursive: true });
});

/** Targets that leave the same bits. */
const targets = info().targets.filter((target) => ['avx2', 'avx512', 'neon'].includes(target));

test('killed 10 times, on a disk that fills, by any number of threads and any target: the same bits in the end', async () => {
  const figures = await killAndResume({ kills: 10, parallel: 2, script, folder, epochs: 12, everySteps: 17, within: 150, chance: new Chance(Date.now()), disk, targets: targets.length > 0 ? targets : [info().target] });
  expect(figures).toMatchObject({ kills: expect.toSatisfy((kills: number) => kills >= 10), damaged: 0, lost: 0, differing: 0 });
  expect(figures.finished).toBeGreaterThan(0);
});

test.runIf(disk !== undefined)('the power fails 40 times: every checkpoint is whole, and the same bits in the end', async () => {
  mkdirSync(join(folder, 'power'));
  const figures = await cutAndResume({ cuts: 40, script, folder: join(folder, 'power'), epochs: 4, everySteps: 17, chance: new Chance(Date.now()), disk: disk! });
  expect(figures).toMatchObject({ cuts: 40, damaged: 0, lost: 0, differing: 0 });
  expect(figures.whileWriting).toBeGreaterThan(0);
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly errors: string;
}

let runs = 0;

/** Runs signalled.ts, and sends it signals one after the other, a second one once it says that fit() has ended. */
function run(mode: string, epochs: number, signals: readonly NodeJS.Signals[], directory = join(folder, `signalled-${runs++}`)): Promise<Ended> & { readonly directory: string } {
  const child = spawn(process.execPath, [signalled, directory, mode, String(epochs)], { env: { ...process.env, ANNEAL_DEBUG: '' } });
  let [out, errors] = ['', ''];
  const left = [...signals];
  const send = (): void => {
    const signal = left.shift();
    if (signal !== undefined) child.kill(signal);
  };
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    const begun = out.split('listeners').length > 2;
    out += chunk.toString();
    if (!begun && out.split('listeners').length > 2) send();
    if (chunk.includes('ended')) send();
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, errors })));
  return Object.assign(ended, { directory });
}

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s writes a last checkpoint, then ends the process as ever; training goes on from there', async (signal) => {
    const running = run('plain', 10 ** 6, [signal]);
    const ended = await running;
    expect(ended).toMatchObject({ code: null, signal, errors: '' });
    expect(ended.out).toMatch(new RegExp(`^listeners 0 0\nbegins 0\nlisteners 1 1\nended \\[fit\\] stopped by ${signal} in epoch \\d+, before step \\d+\\. What was done until then stays\\.\n$`));
    const names = readdirSync(running.directory);
    expect(names).toEqual([expect.stringMatching(/^step-\d+\.safetensors$/)]);
    const { info: facts, state } = await readSnapshot(join(running.directory, names[0]!));
    const { complete, epochs } = state['fit'] as { complete: boolean; epochs: object[] };
    expect([complete, epochs.length, facts.epoch]).toEqual([false, Math.floor(facts.step / 20), epochs.length]);
    const epochsToDo = facts.epoch + 2;
    const [resumed, whole] = [await run('plain', epochsToDo, [], running.directory), run('plain', epochsToDo, [])];
    expect(resumed.out).toContain(`begins ${facts.step}\n`);
    expect((await whole).out).toContain('done');
    const last = `step-${String(20 * epochsToDo).padStart(9, '0')}.safetensors`;
    expect((await readSnapshot(join(running.directory, last))).arrays).toEqual((await readSnapshot(join(whole.directory, last))).arrays);
  });

  test('leaves the process to a listener of the program’s own', async () => {
    const ended = await run('own', 10 ** 6, ['SIGTERM']);
    expect(ended).toMatchObject({ code: 0, signal: null, errors: '' });
    expect(ended.out).toMatch(/^listeners 1 0\nbegins 0\nlisteners 2 1\nown listener\nended \[fit\] stopped by SIGTERM .*\nrejected ANNEAL_ABORTED\nlisteners 1 0\n$/);
  });

  test('ends the process after a while, whatever hangs; a second one at once', async () => {
    const [once, twice] = await Promise.all([run('hang', 10 ** 6, ['SIGTERM']), run('hang', 10 ** 6, ['SIGTERM', 'SIGINT'])]);
    expect([once.signal, twice.signal]).toEqual(['SIGTERM', 'SIGINT']);
  });

  test('leaves a last checkpoint of each of two trainings, before the process ends', async () => {
    const running = run('two', 10 ** 6, ['SIGTERM']);
    expect(await running).toMatchObject({ code: null, signal: 'SIGTERM', errors: '' });
    for (const directory of [running.directory, `${running.directory}-second`]) expect(readdirSync(directory)).toEqual([expect.stringMatching(/^step-\d+\.safetensors$/)]);
  });

  test('is no business of a fit() that has ended', async () => {
    const ended = await run('plain', 3, []);
    expect(ended).toMatchObject({ code: 0, errors: '' });
    expect(ended.out).toMatch(/ended undefined\ndone\nlisteners 0 0\n$/);
  });
});

test('a second process on the same directory is refused with who holds it', async () => {
  const first = run('plain', 10 ** 6, []);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const waited = performance.now();
  while (!readdirSync(folder).includes(first.directory.slice(folder.length + 1)) || !readdirSync(first.directory).includes('.lock')) {
    expect(performance.now() - waited).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const second = await run('plain', 1, [], first.directory);
  expect(second.out).toContain('rejected ANNEAL_BUSY');
  const { pid } = JSON.parse(readFileSync(join(first.directory, '.lock'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  await first;
  // Its lock is stale now.
  expect((await run('plain', 1, [], first.directory)).out).toContain('done');
});
