// What goes wrong with checkpoints: files that are damaged or of another training, directories that are full, gone or taken.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { data, losses, metrics, nn, optim, seed, text, train, Trainer } from 'anneal';
import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/file.js';
import { blobs } from '../train/classifier.js';
import { fails } from '../nn/fails.js';
import { newDirectory } from './training.js';

const directory = newDirectory();
afterAll(() => rmSync(directory, { recursive: true }));
let directories = 0;
const fresh = (): string => `${directory}/${directories++}`;

let warnings: (Error & { code?: string })[] = [];
const onWarning = (warning: Error): void => void (warning.name === 'AnnealWarning' && warnings.push(warning));
beforeEach(() => void process.on('warning', onWarning));
afterEach(() => {
  process.off('warning', onWarning);
  warnings = [];
});
const warned = async (): Promise<(string | undefined)[]> => {
  await new Promise((resolve) => setImmediate(resolve));
  return warnings.map(({ code }) => code);
};

const points = blobs(40, 1);

function made({ width = 8, lr = 0.1, momentum = 0.9 } = {}) {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, width), nn.relu(), nn.linear(width, 2));
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr, momentum }), metrics: [metrics.accuracy()] });
}

const options = { batchSize: 4, shuffle: true } as const;

/** A directory with checkpoints of steps 10, 20 and 30. */
async function trained(): Promise<string> {
  const dir = fresh();
  await made().fit(points, { ...options, epochs: 3, checkpoint: { dir } });
  return dir;
}

const fileOf = (dir: string, step: number): string => join(dir, `step-${String(step).padStart(9, '0')}.safetensors`);

describe('a damaged checkpoint', () => {
  const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'cut off': (bytes) => bytes.subarray(0, -40),
    'cut off in the header': (bytes) => bytes.subarray(0, 300),
    'empty': () => Buffer.alloc(0),
    'zeros where data was': (bytes) => Buffer.concat([bytes.subarray(0, -16), Buffer.alloc(16)]),
    'one bit flipped in a weight': (bytes) => (bytes.writeUInt8(bytes.at(-5)! ^ 1, bytes.length - 5), bytes),
    'one digit of its JSON changed': (bytes) => Buffer.from(bytes.toString('latin1').replace('\\"submitted\\":30', '\\"submitted\\":31'), 'latin1'),
    'its checksum changed': (bytes) => (bytes.writeUInt8(bytes.at(40)! === 0x30 ? 0x31 : 0x30, 40), bytes),
    'another length of the header': (bytes) => (bytes.writeUInt8(bytes.at(0)! ^ 8, 0), bytes),
    'bytes behind its end': (bytes) => Buffer.concat([bytes, Buffer.from('x')]),
  };

  test.each(Object.keys(damages))('that is %s is left out with a warning that names it', async (name) => {
    const dir = await trained();
    const before = readFileSync(fileOf(dir, 30));
    const after = damages[name]!(Buffer.from(before));
    expect(after.equals(before)).toBe(false);
    writeFileSync(fileOf(dir, 30), after);
    const steps: number[] = [];
    const trainer = made();
    await trainer.fit(points, { ...options, epochs: 3, checkpoint: { dir }, resume: 'latest', callbacks: { passive: true, onStep: ({ epoch, step }) => void steps.push(10 * epoch + step) } });
    expect(steps[0]).toBe(20);
    expect(await warned()).toEqual(['ANNEAL_CHECKPOINT_DAMAGED']);
    expect(warnings[0]!.message).toMatch(/^\[fit\] a checkpoint is left out: \[checkpoint\] .*step-000000030\.safetensors is no checkpoint that can be used: .*\. Take another one\.$/);
    // It was written anew, from the same bits.
    const whole = await readCheckpoint(fileOf(dir, 30));
    const wanted = join(dir, 'wanted.safetensors');
    writeFileSync(wanted, before);
    expect(whole.arrays).toEqual((await readCheckpoint(wanted)).arrays);
  });

  test('is an error where there is no other', async () => {
    const dir = await trained();
    for (const step of [10, 20, 30]) writeFileSync(fileOf(dir, step), 'nothing');
    await fails(made().fit(points, { ...options, checkpoint: { dir }, resume: 'latest' }), 'ANNEAL_FILE_FORMAT', /holds 3 checkpoints, all of which are damaged: got .*step-000000030.*it has 7 bytes.*Move them away to begin anew/);
    await fails(made().fit(points, { ...options, resume: fileOf(dir, 30) }), 'ANNEAL_FILE_FORMAT', /step-000000030\.safetensors is no checkpoint/);
  });

  test('is told by its checksum alone where its form is right', async () => {
    const dir = await trained();
    const bytes = readFileSync(fileOf(dir, 30));
    bytes.writeUInt8(bytes.at(-1)! ^ 0x40, bytes.length - 1);
    writeFileSync(fileOf(dir, 30), bytes);
    await fails(readCheckpoint(fileOf(dir, 30)), 'ANNEAL_FILE_FORMAT', /its checksum is [0-9a-f]{12}\.\.\., expected [0-9a-f]{12}\.\.\./);
  });

  test('of another format, version or kind says so', async () => {
    const dir = fresh();
    mkdirSync(dir);
    const path = join(dir, 'step-000000001.safetensors');
    const write = (json: object): Promise<void> => writeCheckpoint(path, { arrays: new Map(), json: json as never });
    const right = { format: 'anneal.checkpoint', version: 1, step: 1, epoch: 0, loss: null, library: '0.1.0', created: '', structure: {}, state: {} };
    const load = (): Promise<unknown> => made().fit(points, { ...options, resume: path });
    for (const [wrong, text] of [
      [{ ...right, format: 'x' }, /its format is "x", expected 'anneal\.checkpoint'/],
      [{ ...right, version: 2 }, /its version is 2, expected 1: another version of this library wrote it/],
      [{ ...right, step: -1 }, /it lacks step, epoch, library, created or structure/],
      [right, /is no checkpoint of a fit\(\)/],
      [{ ...right, state: { fit: { $tensor: 'x' } } }, /lacks the tensor 'x'/],
      [{ ...right, state: 3 }, /its state is no object/],
      [{ ...right, state: JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`) as object }, /more than 100 values in one another/],
      [{ ...right, state: { fit: { firstEpoch: 0, submitted: 0, epochs: [1], callbacks: [], rates: [], loader: {}, made: {} } } }, /is no checkpoint of a fit\(\)/],
    ] as const) {
      await write(wrong);
      await fails(load(), 'ANNEAL_FILE_FORMAT', text);
    }
  });
});

describe('a checkpoint of another training says what differs', () => {
  const resume = (trainer: ReturnType<typeof made>, dir: string, more: object = {}, set: data.Dataset<[2], [], 'int32'> = points): Promise<unknown> =>
    trainer.fit(set, { ...options, epochs: 4, checkpoint: { dir }, resume: 'latest', ...more });

  test('of another model, which nothing can ignore', async () => {
    const dir = await trained();
    const text = /resume: the checkpoint .*step-000000030\.safetensors is of another training\. It differs in the model: '0\.weight' does not fit: got float32 \[8,2\], expected float32 \[4,2\].*another model cannot be ignored/;
    await fails(resume(made({ width: 4 }), dir), 'ANNEAL_STATE_MISMATCH', text);
    await fails(resume(made({ width: 4 }), dir, { resume: { from: 'latest', ignore: ['library', 'data', 'options'] } }), 'ANNEAL_STATE_MISMATCH', text);
  });

  test('of text that is cut, shuffled or split otherwise', async () => {
    const dir = fresh();
    const written = (given: Partial<data.TextOptions>, fraction: number, epochs: number): Promise<unknown> => {
      const tokenizer = text.bytes();
      seed(4);
      const model = nn.sequential([4], nn.embedding(tokenizer.size, 4), nn.linear(4, tokenizer.size));
      const [part] = data.fromText(() => ['to be or not to be\n'.repeat(9)], { tokenizer, context: 4, separator: '\n', shuffle: true, seed: 1, ...given }).split(fraction);
      return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) }).fit(part, { epochs, batchSize: 4, checkpoint: { dir }, resume: 'latest' });
    };
    await written({}, 0.5, 1);
    await fails(written({ seed: 2 }, 0.5, 2), 'ANNEAL_STATE_MISMATCH', /It differs in data\.source\.seed: 1 there, 2 here\./);
    await fails(written({ stride: 2 }, 0.5, 2), 'ANNEAL_STATE_MISMATCH', /data\.source\.stride: 4 there, 2 here/);
    await fails(written({}, 0.7, 2), 'ANNEAL_STATE_MISMATCH', /data\.source\.parts\.0\.to: 0\.5 there, 0\.7 here/);
    await written({}, 0.5, 2);
  });

  test('of another optimizer', async () => {
    const dir = await trained();
    const other = made({ lr: 0.2 });
    await fails(resume(other, dir), 'ANNEAL_STATE_MISMATCH', /It differs in optimizer\.groups\.0\.lr: 0\.1 there, 0\.2 here\. Train what was saved; or pass resume: \{ from: 'latest', ignore: \['options'\] \}: the options of here then count/);
    expect(other.optimizer.steps).toBe(0);
    await resume(other, dir, { resume: { from: 'latest', ignore: ['options'] } });
    expect([other.optimizer.steps, other.optimizer.lr]).toEqual([40, 0.2]);
    await fails(resume(made({ momentum: 0 }), await trained(), { resume: { from: 'latest', ignore: ['options'] } }), 'ANNEAL_STATE_MISMATCH', /./);
  });

  test.each([
    ['contents', blobs(40, 2), {}, /data\.contents: "\w+" there, "\w+" here/],
    ['size', blobs(44, 1), {}, /data\.size: 40 there, 44 here; data\.source\.size: 40 there, 44 here/],
    ['batches', points, { batchSize: 5 }, /data\.batchSize: 4 there, 5 here/],
  ] as const)('of other data, by its %s', async (_, set, more, text) => {
    const dir = await trained();
    await fails(resume(made(), dir, more, set), 'ANNEAL_STATE_MISMATCH', text);
    const trainer = made();
    await resume(trainer, dir, { ...more, resume: { from: 'latest', ignore: ['data'] } }, set);
    expect(trainer.epochs).toBe(4);
  });

  test('of other data in the middle of an epoch, which then begins anew', async () => {
    const dir = fresh();
    let steps = 0;
    const killed = made().fit(points, { ...options, epochs: 3, checkpoint: { dir, everySteps: 3 }, callbacks: { onStep: () => void (++steps === 17 && expect.unreachable()) } });
    await expect(killed).rejects.toThrow();
    const seen: number[] = [];
    const trainer = made();
    const callbacks = { onStep: ({ epoch, step }: train.StepEvent) => void seen.push(100 * epoch + step) };
    const history = await trainer.fit(blobs(48, 5), { ...options, epochs: 3, checkpoint: { dir, everySteps: 3 }, resume: { from: 'latest', ignore: ['data'] }, callbacks });
    expect([seen[0], seen.length, history.map((record) => record.steps)]).toEqual([100, 24, [10, 12, 12]]);
  });

  test('of another version of the library', async () => {
    const dir = await trained();
    const path = fileOf(dir, 30);
    const { arrays, json } = await readCheckpoint(path);
    await writeCheckpoint(path, { arrays, json: { ...json, library: '0.0.9' } });
    await fails(resume(made(), dir), 'ANNEAL_STATE_MISMATCH', /library: 0\.0\.9 there, 0\.1\.0 here.*ignore: \['library'\] \}: another version may leave other bits/);
    await resume(made(), dir, { resume: { from: 'latest', ignore: ['library'] } });
    await writeCheckpoint(path, { arrays, json: { ...json, library: '0.1.7' } });
    for (const step of [40]) rmSync(fileOf(dir, step), { force: true });
    await resume(made(), dir);
  });

  test('of another loop', async () => {
    const dir = fresh();
    const checkpoint = new train.Checkpoints(dir);
    const { model, optimizer } = made();
    await checkpoint.save({ model, optimizer }, { step: 3 });
    await checkpoint.close();
    await fails(resume(made(), dir), 'ANNEAL_FILE_FORMAT', /is no checkpoint of a fit\(\)/);
  });
});

describe('a directory', () => {
  test('with checkpoints is not begun anew in', async () => {
    const dir = await trained();
    await fails(made().fit(points, { ...options, checkpoint: { dir } }), 'ANNEAL_INVALID_ARGUMENT', /checkpoint\.dir: got .*, which holds checkpoints up to step 30, expected a directory without\. Pass resume: 'latest'/);
    await fails(made().fit(points, { ...options, epochs: 3, checkpoint: { dir }, resume: fileOf(dir, 10) }), 'ANNEAL_INVALID_ARGUMENT', /of step 10, but the directory .* holds later ones, up to step 30, expected none/);
    const elsewhere = fresh();
    const trainer = made();
    await trainer.fit(points, { ...options, epochs: 3, checkpoint: { dir: elsewhere }, resume: fileOf(dir, 10) });
    expect((await readCheckpoint(fileOf(elsewhere, 30))).arrays).toEqual((await readCheckpoint(fileOf(dir, 30))).arrays);
  });

  test('belongs to one fit() of a trainer', async () => {
    const trainer = made();
    const again = { ...options, epochs: 2, checkpoint: { dir: fresh() }, resume: 'latest' } as const;
    await trainer.fit(points, again);
    await fails(trainer.fit(points, again), 'ANNEAL_INVALID_ARGUMENT', /resume: got .*step-000000020\.safetensors, of a training that is complete and that this trainer has just done, expected one that is not/);
    await trainer.fit(points, { ...again, epochs: 3 });
    expect(trainer.epochs).toBe(3);
  });

  test('that is gone is told once; training goes on', async () => {
    const dir = fresh();
    const trainer = made();
    const callbacks = { onEpochEnd: ({ epoch }: train.EpochEndEvent) => void (epoch === 1 && rmSync(dir, { recursive: true })) };
    await trainer.fit(points, { ...options, epochs: 5, checkpoint: { dir, everySteps: 5 }, callbacks });
    expect(trainer.optimizer.steps).toBe(50);
    expect(await warned()).toEqual(['ANNEAL_CHECKPOINT_FAILED']);
    expect(warnings[0]!.message).toMatch(/^\[fit\] a checkpoint could not be written to .*: ENOENT.* The last good one is .*step-0000000(15|20)\.safetensors\. Training goes on, and the next one is tried; ENOENT is not told again/);
    expect(existsSync(dir)).toBe(false);
  });

  test('that cannot be made is told once; training goes on', async () => {
    const file = fresh();
    writeFileSync(file, '');
    const trainer = made();
    await trainer.fit(points, { ...options, epochs: 2, checkpoint: { dir: `${file}/inside` } });
    expect(trainer.epochs).toBe(2);
    expect(await warned()).toEqual(['ANNEAL_CHECKPOINT_FAILED']);
    expect(warnings[0]!.message).toMatch(/ENOTDIR.*There is none yet/);
  });

  test('of which a file cannot be replaced keeps the last good one', async () => {
    const dir = fresh();
    const trainer = made();
    // A folder in place of the file, as nothing else keeps root from writing.
    const callbacks = { onEpochEnd: ({ epoch }: train.EpochEndEvent) => void (epoch === 0 && mkdirSync(join(fileOf(dir, 20), 'x'), { recursive: true })) };
    await trainer.fit(points, { ...options, epochs: 3, checkpoint: { dir }, callbacks });
    expect(trainer.epochs).toBe(3);
    expect(await warned()).toEqual(['ANNEAL_CHECKPOINT_FAILED']);
    await readCheckpoint(fileOf(dir, 10));
    await readCheckpoint(fileOf(dir, 30));
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp') || name === '.lock')).toEqual([]);
  });

  test('keeps the last ones, and the best', async () => {
    const dir = fresh();
    const trainer = made();
    const values = [3, 1, 2, 0.5, 4];
    let epoch = 0;
    const lossOf: metrics.Metric<'lot'> = { name: 'lot', mode: 'min', measure: (outputs) => ({ sum: outputs.mul(0).sum().add(values[epoch]!) as never, count: 1 }) };
    seed(3);
    const model = nn.sequential([2], nn.linear(2, 2));
    const own = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }), metrics: [lossOf] });
    const stepOfBest = async (): Promise<number> => (existsSync(join(dir, 'best.safetensors')) ? ((await readCheckpoint(join(dir, 'best.safetensors'))).json['step'] as number) : NaN);
    await own.fit(points, {
      batchSize: 40,
      epochs: 5,
      validation: points,
      checkpoint: { dir, keep: { last: 2, best: 'validation.lot' } },
      callbacks: {
        onEpochStart: async (event) => {
          epoch = event.epoch;
          // Written while training goes on.
          await vi.waitFor(async () => expect(await stepOfBest()).toBe([NaN, 1, 2, 2, 4][epoch]), { timeout: 5000, interval: 5 });
        },
      },
    });
    expect(await stepOfBest()).toBe(4);
    expect(readdirSync(dir).toSorted()).toEqual(['best.safetensors', 'step-000000004.safetensors', 'step-000000005.safetensors']);
    expect(trainer.epochs).toBe(0);
    // The best one may be all that is left.
    for (const step of [4, 5]) rmSync(fileOf(dir, step));
    epoch = 4;
    await own.fit(points, { batchSize: 40, epochs: 5, validation: points, checkpoint: { dir, keep: { last: 2, best: 'validation.lot' } }, resume: 'latest' });
    expect(own.optimizer.steps).toBe(5);
  });

  test('that another one holds is refused with who holds it; a stale lock is none', async () => {
    const lock = (holder: object, age = 0) => {
      const dir = fresh();
      mkdirSync(dir);
      writeFileSync(join(dir, '.lock'), JSON.stringify(holder));
      const time = new Date(Date.now() - age);
      utimesSync(join(dir, '.lock'), time, time);
      return made().fit(points, { ...options, checkpoint: { dir } });
    };
    const since = new Date().toISOString();
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'latin1');
    const start = `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!}`;
    await fails(lock({ pid: process.ppid, host: hostname(), start, since }), 'ANNEAL_BUSY', new RegExp(`being written to by process ${process.ppid} on ${hostname()}, since .*Wait for it, or take another directory; where it is surely gone, delete \\.lock in it`));
    await fails(lock({ pid: 1, host: 'elsewhere', start: 'x', since }), 'ANNEAL_BUSY', /process 1 on elsewhere/);
    await fails(lock({}), 'ANNEAL_BUSY', /somebody who has just begun/);
    // Gone, of a number that another process has now, or not touched for long.
    await lock({ pid: 2 ** 22 + 5, host: hostname(), start, since });
    await lock({ pid: process.ppid, host: hostname(), start: 'before', since });
    await lock({ pid: process.pid, host: hostname(), start: 'before', since });
    await lock({ pid: 1, host: 'elsewhere', start: 'x', since }, 61_000);
    await lock({}, 61_000);
  });

  test('is given back however fit() ends', async () => {
    const dir = fresh();
    await expect(made().fit(points, { ...options, checkpoint: { dir }, callbacks: { onEpochStart: () => expect.unreachable() } })).rejects.toThrow();
    expect(readdirSync(dir)).toEqual([]);
    await made().fit(points, { ...options, checkpoint: { dir } });
  });
});

test('a symbolic link, a URL and a slash at the end name a directory', async () => {
  const dir = fresh();
  await made().fit(points, { ...options, checkpoint: { dir: `${dir}/` } });
  await made().fit(points, { ...options, epochs: 2, checkpoint: { dir: new URL(`file://${dir}`) }, resume: 'latest' });
  expect(readdirSync(dir).length).toBe(2);
});

test('options are checked', async () => {
  const fit = (more: object): Promise<unknown> => made().fit(points, { ...options, ...more });
  await fails(fit({ resume: 'latest' }), 'ANNEAL_INVALID_ARGUMENT', /\[fit\] resume: got 'latest' without checkpoints, expected a directory to look in/);
  await fails(fit({ resume: 'nowhere' }), 'ANNEAL_INVALID_ARGUMENT', /there is no nowhere/);
  await fails(fit({ resume: { from: 'latest', ignore: ['model'] }, checkpoint: { dir: 'x' } }), 'ANNEAL_INVALID_ARGUMENT', /unknown resume\.ignore: got 'model', expected one of 'library', 'data', 'options'/);
  await fails(fit({ resume: { from: 'latest', ignore: 'data' }, checkpoint: { dir: 'x' } }), 'ANNEAL_INVALID_ARGUMENT', /resume\.ignore: got 'data', expected an array/);
  await fails(fit({ checkpoint: {} }), 'ANNEAL_INVALID_ARGUMENT', /checkpoint\.dir: got none, expected the path of a directory/);
  await fails(fit({ checkpoint: 'runs' }), 'ANNEAL_INVALID_ARGUMENT', /options: got 'runs', expected an object such as \{ dir: \.\.\. \}/);
  await fails(fit({ checkpoint: { dir: 'x', every: 3 } }), 'ANNEAL_UNKNOWN_OPTION', /every/);
  await fails(fit({ checkpoint: { dir: 'x', everySteps: 0 } }), 'ANNEAL_INVALID_ARGUMENT', /checkpoint\.everySteps: got 0, expected an integer of at least 1/);
  await fails(fit({ checkpoint: { dir: 'x', everySeconds: '30' } }), 'ANNEAL_INVALID_ARGUMENT', /checkpoint\.everySeconds: got '30', expected a number above 0/);
  await fails(fit({ checkpoint: { dir: 'x', keep: { last: 1.5 } } }), 'ANNEAL_INVALID_ARGUMENT', /keep\.last: got 1\.5/);
  await fails(fit({ checkpoint: { dir: fresh(), keep: { best: 'validation.loss' } } }), 'ANNEAL_INVALID_ARGUMENT', /\[fit checkpoint\.keep\.best\] monitor: got 'validation\.loss', expected one of loss, accuracy\. Give fit\(\) validation data/);
  const own = { [Symbol.asyncIterator]: async function* () {} };
  await fails(made().fit(own as never, { checkpoint: { dir: 'x' } }), 'ANNEAL_INVALID_ARGUMENT', /the data is a loader without stateDict\(\) and loadStateDict\(\)/);
  const odd: metrics.Metric<'odd'> = { name: 'odd', measure: (outputs) => ({ sum: outputs.sum(), count: 1 }), accumulator: () => ({ add: () => undefined, result: () => 1 }) };
  const { model, optimizer } = made();
  await fails(new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [odd] }).fit(points as never, { checkpoint: { dir: fresh() } }), 'ANNEAL_INVALID_ARGUMENT', /metric 'odd': got an accumulator without stateDict\(\) and loadStateDict\(\)/);
});

