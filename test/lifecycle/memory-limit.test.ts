// Native memory is counted and told to V8, and what is over the limit is an error that changes nothing, before the system ends the process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { AnnealError, data, losses, memory, nn, optim, OutOfMemoryError, seed, setMemoryLimit, Trainer, zeros, type Tensor } from 'anneal';
import { Compiled } from '../../scripts/compiled.js';
import { engine } from '../../src/graph/engine.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { evaluate } from '../../src/runtime/oracle.js';

const MB = 1e6;
const folder = mkdtempSync(join(tmpdir(), 'anneal-'));
const compiled = new Compiled();
afterAll(() => (compiled.remove(), rmSync(folder, { recursive: true })));
afterEach(() => setMemoryLimit(undefined));

const native = () => (engine() as RuntimeEngine).session.native;

async function failure(call: () => unknown): Promise<Error> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

/** A layer of so many weights, and what keeps a copy of them. */
async function layerWithCopy(inputs: number): Promise<() => Promise<Tensor>> {
  const layer = nn.linear(inputs, 1000, { bias: false });
  const weights = layer.parameters()[0]!;
  const optimizer = optim.sgd([weights], { lr: 0.1 });
  await weights.data();
  return async () => {
    const kept = weights.detach().keep();
    optimizer.zeroGrad();
    weights.sum().backward();
    await optimizer.step();
    return kept;
  };
}

test('memory is counted by what it is for, with its peak', async () => {
  const before = memory();
  const keepCopy = await layerWithCopy(1000);
  expect(memory().kinds.weights - before.kinds.weights).toBe(4 * MB);
  const kept = await keepCopy();
  expect(memory().kinds.saved - before.kinds.saved).toBeGreaterThanOrEqual(4 * MB);
  const set = data.fromArrays({ x: new Uint8Array(3 * MB), y: new Int32Array(3), shape: [MB] });
  expect(set.size).toBe(3);
  expect(memory().kinds.data - before.kinds.data).toBeGreaterThanOrEqual(3 * MB);
  const { native: all, kinds, peak, limit, rss } = memory();
  expect(kinds.weights + kinds.saved + kinds.plans + kinds.data).toBe(all);
  expect(peak).toBeGreaterThanOrEqual(all);
  expect(rss).toBeGreaterThan(all / 2);
  expect(limit).toBeGreaterThan(all);
  kept.dispose();
  expect(memory().kinds.saved).toBe(before.kinds.saved);
  expect(memory().peak).toBe(peak);
});

test('V8 is told of weights, results and temporaries, and of their end', async () => {
  const keepCopy = await layerWithCopy(4000);
  const untold = (): number => {
    const { storageBytes, temporaryBytes, toldBytes } = native().stats();
    return storageBytes + temporaryBytes - toldBytes;
  };
  expect(untold()).toBeLessThanOrEqual(0);
  const kept = await keepCopy();
  expect(native().stats().storageBytes).toBeGreaterThanOrEqual(32 * MB);
  expect(native().stats().temporaryBytes).toBeGreaterThan(0);
  expect(untold()).toBeLessThanOrEqual(0);
  const { toldBytes } = native().stats();
  kept.dispose();
  expect(toldBytes - native().stats().toldBytes).toBeGreaterThanOrEqual(16 * MB);
});

test('V8 is told of the end of a session, with its temporaries', () => {
  const x = zeros([1024, 1024]); // no array, of which V8 knows by itself
  const product = withoutTracking(() => x.matmul(x).add(1).matmul(x).sum());
  const { toldBytes } = native().stats();
  for (let i = 0; i < 5; i++) evaluate(product);
  expect(native().stats().toldBytes - toldBytes).toBeLessThan(4 * MB);
});

test('what nobody has any more is freed, though to JavaScript it is small', async () => {
  const before = memory().native;
  for (let i = 0; i < 120; i++) await nn.linear(4000, 1000).parameters()[0]!.slice(0, 1).data();
  expect(memory().peak - before).toBeLessThan(1000 * MB); // of 1920
});

test('a step over the limit says what it needs, changes nothing, and a smaller one goes on', async () => {
  seed(1);
  const model = nn.sequential([64], nn.linear(64, 1024), nn.relu(), nn.linear(1024, 2));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const step = (rows: number): Promise<void> => {
    optimizer.zeroGrad();
    losses.crossEntropy(model.forward(zeros([rows, 64])), zeros([rows], { dtype: 'int32' })).backward();
    return optimizer.step();
  };
  await step(4);
  const weights = await model.parameters()[0]!.data();
  const { native: inUse } = memory();
  setMemoryLimit(inUse + MB);
  const error = await failure(() => step(20_000));
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(error).toMatchObject({ code: 'ANNEAL_OUT_OF_MEMORY', op: 'step', limit: inUse + MB });
  expect((error as OutOfMemoryError).bytes).toBeGreaterThan(80 * MB);
  expect(error.message).toMatch(
    /^\[step\] out of memory: got \d+(\.\d+)? MB for the temporaries of its plan, beside [\d.]+ [kM]?B in use, expected at most [\d.]+ MB in all\. Nothing was changed\. Use a smaller batch .*setMemoryLimit\(bytes\); memory\(\) says what is in use\.$/,
  );
  expect(optimizer.steps).toBe(1);
  expect(await model.parameters()[0]!.data()).toEqual(weights);
  await step(4);
  expect(optimizer.steps).toBe(2);
  setMemoryLimit(undefined);
  await step(20_000);
  expect(optimizer.steps).toBe(3);
});

test('weights, results and data sets over the limit', async () => {
  const { native: inUse } = memory();
  setMemoryLimit(inUse + MB);
  const layer = await failure(() => nn.linear(1000, 1000).parameters()[0]!.data());
  expect(layer.message).toMatch(/^\[step\] out of memory: got 4\.00 MB for a parameter, its gradient or a state of its optimizer, beside /);
  const set = await failure(() => data.fromArrays({ x: new Uint8Array(3 * MB), y: new Int32Array(3), shape: [MB] }));
  expect(set).toBeInstanceOf(OutOfMemoryError);
  expect(set.message).toMatch(/^\[data\] out of memory: got 3\.00 MB for a data set, beside /);
  setMemoryLimit(undefined);
  const keepCopy = await layerWithCopy(1000);
  setMemoryLimit(memory().native + MB);
  const result = await failure(keepCopy);
  expect(result.message).toMatch(/^\[step\] out of memory: got 4\.00 MB for a result, beside /);
});

test('fit ends with it, and goes on with a smaller batch', async () => {
  const model = nn.sequential([64], nn.linear(64, 4096), nn.relu(), nn.linear(4096, 2));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const set = data.fromArrays({ x: new Float32Array(64 * 20_000), y: new Int32Array(20_000), shape: [64] });
  await trainer.fit(set, { epochs: 1, batchSize: 10, shuffle: true });
  setMemoryLimit(memory().native + 5 * MB);
  await expect(trainer.fit(set, { epochs: 1, batchSize: 20_000, shuffle: true })).rejects.toBeInstanceOf(OutOfMemoryError);
  await trainer.fit(set, { epochs: 1, batchSize: 10, shuffle: true });
  expect(trainer.epochs).toBe(2);
});

test('a limit that is none', () => {
  for (const bytes of [0, -1, NaN, '1', null]) {
    expect(() => setMemoryLimit(bytes as number)).toThrow(AnnealError);
    expect(() => setMemoryLimit(bytes as number)).toThrow(/^\[setMemoryLimit\] bytes: got .*, expected a number of at least 1, or undefined for what the system leaves\.$/);
  }
  setMemoryLimit(1e9 + 0.5);
  expect(memory().limit).toBe(1e9);
  setMemoryLimit(Infinity);
  expect(memory().limit).toBe(Infinity);
});

const program = `
import { memory, nn, zeros } from 'anneal';
const layers = [];
try {
  for (let i = 0; i < 4000; i++) layers.push(nn.linear(4096, 4096)), await layers.at(-1).parameters()[0].sum().item();
} catch (error) {
  console.log(error.code, layers.length > 1, error.limit < memory().rss * 4);
}`;

async function run(before: (pid: number) => void): Promise<{ out: string; signal: string | null }> {
  const file = join(folder, 'fills.mts');
  writeFileSync(file, `process.stdin.once('data', async () => { process.stdin.unref(); ${program.replace(/import (.*) from 'anneal';/, "const $1 = await import('anneal');")} });`);
  const child = spawn(process.execPath, [await compiled.script(file)], { env: { ...process.env, ANNEAL_DEBUG: '' } });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  before(child.pid!);
  child.stdin.end('go');
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { out, signal };
}

/** A control group of this test's own, which takes rights. */
function limitedGroup(): string | undefined {
  const group = `/sys/fs/cgroup/memory/anneal-test-${process.pid}`;
  try {
    mkdirSync(group);
    writeFileSync(join(group, 'memory.limit_in_bytes'), String(700e6));
    return group;
  } catch {
    return undefined;
  }
}
const group = limitedGroup();
afterAll(() => group !== undefined && rmdirSync(group));

test.runIf(group !== undefined)('a process in a container ends its allocations, and not by a signal', async () => {
  const { out, signal } = await run((pid) => writeFileSync(join(group!, 'cgroup.procs'), String(pid)));
  expect({ out, signal }).toEqual({ out: 'ANNEAL_OUT_OF_MEMORY true true\n', signal: null });
});
