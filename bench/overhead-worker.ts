// Measures what bench/overhead.ts prints, in a process of its own.
import { data, losses, metrics, mul, nn, noGrad, optim, seed, sum, tanh, tensor, Trainer, type Tensor } from 'anneal';
import { loadNative, type NativeSession } from '../src/runtime/binding.js';
import { serve } from './peer.js';
import { median, minimum, percentile } from './statistics.js';

const ROUNDS = 25;

interface Figure {
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly quartiles: readonly [number, number];
}

function figureOf(unit: 'ns' | 'us', milliseconds: readonly number[]): Figure {
  const times = milliseconds.map((ms) => ms * (unit === 'ns' ? 1e6 : 1e3));
  return { unit, median: median(times), min: minimum(times), quartiles: [percentile(times, 0.25), percentile(times, 0.75)] };
}

/** Time per unit of work over rounds; `round` returns milliseconds per unit. */
async function figure(unit: 'ns' | 'us', round: () => number | Promise<number>): Promise<Figure> {
  for (let i = 0; i < 3; i++) await round();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await round());
  return figureOf(unit, times);
}

/** Recording alone: chains of operations that nobody ever runs. */
function recorded(): number {
  const chains = 500;
  const length = 40;
  const x = tensor(new Float32Array(64));
  const start = performance.now();
  noGrad(() => {
    for (let c = 0; c < chains; c++) {
      let y: Tensor = x;
      for (let i = 0; i < length; i++) y = mul(y, 0.5);
    }
  });
  return (performance.now() - start) / (chains * length);
}

/**
 * Time that an operation more adds to a step that has run before: recording, its gradient, finding the plan again, and the native work. A
 * short and a long step take turns, so that what slows one down slows the other down; the difference is over many operations, or
 * it would drown in the noise of a step.
 */
async function replayed(): Promise<Figure> {
  const [few, many] = [8, 264];
  const [short, long] = [training(few), training(many)];
  for (const step of [short, long]) await step(300);
  const differences: number[] = [];
  for (let i = 0; i < 4 * ROUNDS; i++) differences.push((-(await short(20)) + (await long(20))) / (many - few));
  return figureOf('ns', differences);
}

/** The first step of a model and an optimizer of its own: its plan is made, compiled, verified and loaded. */
async function planned(): Promise<number> {
  const steps = Array.from({ length: 10 }, () => training(0));
  return timed(1, async () => {
    for (const step of steps) await step(1);
  }).then((ms) => ms / steps.length);
}

/** Steps of one small parameter whose loss has `length` operations more than it needs. */
function training(length: number): (steps: number) => Promise<number> {
  const layer = nn.linear(8, 1);
  const optimizer = optim.sgd(layer.parameters(), { lr: 1e-6 });
  const x = tensor(new Float32Array(32).fill(0.1), { shape: [4, 8] });
  return (steps) =>
    timed(steps, async () => {
      let y: Tensor = layer.forward(x);
      for (let i = 0; i < length; i++) y = tanh(y);
      const loss = sum(y);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
    });
}

/** The first step through a recurrence of 1,000 cells: with its gradients a graph of 12,000 nodes. */
function recurrence(): Promise<number> {
  const cell = nn.linear(8, 8);
  const optimizer = optim.sgd(cell.parameters(), { lr: 1e-6 });
  return timed(1, async () => {
    let h: Tensor = tensor(new Float32Array(32), { shape: [4, 8] });
    for (let i = 0; i < 1000; i++) h = tanh(cell.forward(h));
    sum(h).backward();
    await optimizer.step();
  });
}

async function timed(times: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < times; i++) await run();
  return (performance.now() - start) / times;
}

/** A program of one instruction that copies one number between two storages: what remains is the way there and back. */
function smallest(session: NativeSession): { readonly now: () => void; readonly elsewhere: () => Promise<void> } {
  const NONE = 0xffffffff;
  const [STORAGE, F32, BYTES] = [1, 0, 4];
  const buffer = (index: number): number[] => [STORAGE, F32, index, 0, 0, BYTES, 0, 0];
  const view = (of: number): number[] => [of, 0, 1, 0, 1, ...Array.from({ length: 7 }, () => 0), 1, ...Array.from({ length: 7 }, () => 0)];
  const copy = [loadNative().row('copy'), 1, 1, 0, NONE, 10, 0, 0, 1, 0];
  const body = [...buffer(0), ...buffer(1), ...view(0), ...view(1), ...copy];
  const words = Uint32Array.from([0x4c4e4e41, 1, 16 + body.length, 2, 2, 1, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, ...body]);
  const program = session.load(words);
  const storages = Int32Array.of(session.allocate(BYTES, false), session.allocate(BYTES, false));
  const none = new Uint8Array(0);
  return {
    now: () => session.run(program, storages, none, 1, true, 0) as undefined,
    elsewhere: () => session.run(program, storages, none, 1, false, 0)!,
  };
}

/** The 4-16-3 net on 16 examples, in the explicit loop. */
function tinyLoop(): () => Promise<number> {
  const { model, optimizer, x, y } = tiny();
  const [inputs, labels] = [tensor(x, { shape: [16, 4] }), tensor(y)];
  return () =>
    timed(2000, async () => {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
    });
}

/** The same through Trainer.fit: 256 steps an epoch. */
function tinyFit(): () => Promise<number> {
  const { model, optimizer, x, y } = tiny(256);
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
  const train = data.fromArrays({ x, y, shape: [4] });
  const epochs = 8;
  return async () => {
    const start = performance.now();
    await trainer.fit(train, { epochs, batchSize: 16, shuffle: true, seed: 1 });
    return (performance.now() - start) / (epochs * 256);
  };
}

function tiny(batches = 1) {
  seed(0);
  const model = nn.sequential([4], nn.linear(4, 16), nn.relu(), nn.linear(16, 3));
  const x = Float32Array.from({ length: batches * 16 * 4 }, Math.random);
  const y = Int32Array.from({ length: batches * 16 }, (_, i) => i % 3);
  return { model, optimizer: optim.adam(model.parameters(), { lr: 1e-3 }), x, y };
}

await serve(async () => {
  const session = new (loadNative().addon.Session)();
  const run = smallest(session);
  const calls = 20_000;
  const call = (): number => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) run.now();
    return (performance.now() - start) / calls;
  };
  const hop = (): Promise<number> => timed(500, run.elsewhere);
  const smallStep = training(0);
  const figures = {
    'recorded op': await figure('ns', recorded),
    'op more in a replayed step': await replayed(),
    'step of one layer, replayed': await figure('us', () => smallStep(200)),
    'step of one layer, planned anew': await figure('us', planned),
    'recurrence of 1,000 cells, planned anew': await figure('us', recurrence),
    'native call': await figure('ns', call),
    'hop to a thread and back': await figure('us', hop),
    '4-16-3 step, explicit loop': await figure('us', tinyLoop()),
    '4-16-3 step, Trainer.fit': await figure('us', tinyFit()),
  };
  session.dispose();
  return figures;
});
