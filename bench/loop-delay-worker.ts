// The process that bench/loop-delay.ts watches: trains, runs a 10 ms timer, and answers HTTP requests.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { data, losses, nn, optim, seed, Trainer } from 'anneal';
import { serve } from './peer.js';

const PERIOD = 10;
const CLASSES = 10;

type Message = { readonly prepare: { readonly stepMs: number; readonly width: number } } | { readonly measure: { readonly train: 'none' | 'loop' | 'fit'; readonly seconds: number } };

/** Random examples; what is learned does not matter here. */
function dataset(examples: number, width: number) {
  const x = Float32Array.from({ length: examples * width }, Math.random);
  const y = Int32Array.from({ length: examples }, () => Math.floor(Math.random() * CLASSES));
  return data.fromArrays({ x, y, shape: [width] });
}

/** A model, its optimizer and four batches to train on: made before anything is measured, because making them takes long. */
function training(batchSize: number, width: number) {
  seed(0);
  const model = nn.sequential([width], nn.linear(width, width), nn.relu(), nn.linear(width, width), nn.relu(), nn.linear(width, CLASSES));
  return { model, optimizer: optim.adam(model.parameters(), { lr: 1e-3 }), train: dataset(batchSize * 4, width), batchSize };
}

type Training = ReturnType<typeof training>;

/** Steps of the explicit loop until `enough` says so; returns how many. */
async function trainLoop({ model, optimizer, train, batchSize }: Training, enough: () => boolean): Promise<number> {
  const loader = data.loader(train, { batchSize, shuffle: true, seed: 1, dropLast: true });
  let steps = 0;
  for (;;)
    for await (const [inputs, labels] of loader) {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
      steps++;
      if (enough()) return steps;
    }
}

async function trainFit({ model, optimizer, train, batchSize }: Training, enough: () => boolean): Promise<number> {
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
  let steps = 0;
  while (!enough()) {
    await trainer.fit(train, { epochs: 1, batchSize, shuffle: true, seed: 1 });
    steps += 4;
  }
  return steps;
}

const UNIT = 16;

/** The batch size whose step takes about `stepMs`. */
async function calibrate(stepMs: number, width: number): Promise<number> {
  const batchSize = 512;
  const tried = training(batchSize, width);
  let count = 0;
  await trainLoop(tried, () => ++count >= 3);
  const start = performance.now();
  const steps = await trainLoop(tried, () => performance.now() - start > 1000);
  const ms = (performance.now() - start) / steps;
  return Math.max(UNIT, Math.round((batchSize * stepMs) / ms / UNIT) * UNIT);
}

/** Delay of each tick of a 10 ms timer, until stopped. */
function watch(): () => number[] {
  const late: number[] = [];
  let due = performance.now() + PERIOD;
  let timer = setTimeout(function tick() {
    const now = performance.now();
    late.push(now - due);
    due = now + PERIOD;
    timer = setTimeout(tick, PERIOD);
  }, PERIOD);
  return () => {
    clearTimeout(timer);
    return late;
  };
}

const server = createServer((_, response) => response.end('here'));
let batchSize = 0;
let width = 0;

await serve(async (message: Message) => {
  if ('prepare' in message) {
    width = message.prepare.width;
    batchSize = await calibrate(message.prepare.stepMs, width);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port, batchSize };
  }
  const { train, seconds } = message.measure;
  const ready = training(batchSize, width);
  const end = performance.now() + seconds * 1000;
  const enough = (): boolean => performance.now() >= end;
  const stop = watch();
  const start = performance.now();
  if (train === 'none') await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const steps = train === 'none' ? 0 : await (train === 'loop' ? trainLoop : trainFit)(ready, enough);
  return { lateness: stop(), steps, msPerStep: (performance.now() - start) / steps };
});
server.close();
