// One side of bench/threads.ts: trains an MLP back to back or after pauses, with or without an HTTP server and timers beside
// it, as programs in Node.js do.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { losses, nn, optim, seed, tensor } from 'anneal';
import { pause, serve } from './peer.js';
import { median } from './statistics.js';

interface Prepare {
  readonly prepare: { readonly sizes: readonly number[]; readonly batch: number };
}

interface Run {
  readonly run: { readonly steps: number; readonly pauseMs: number; readonly timers: boolean };
}

type Step = () => Promise<void>;

function training(sizes: readonly number[], batch: number): Step {
  seed(0);
  const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
  const model = nn.sequential([sizes[0]!], layers.slice(0, -1));
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const inputs = tensor(Float32Array.from({ length: batch * sizes[0]! }, Math.random), { shape: [batch, sizes[0]!] });
  const classes = sizes.at(-1)!;
  const labels = tensor(Int32Array.from({ length: batch }, () => Math.floor(Math.random() * classes)));
  return async () => {
    const loss = losses.crossEntropy(model.forward(inputs), labels);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
    await loss.item();
  };
}

/** The median time of a step, in ms, from the call to the loss in hand. */
async function run(step: Step, { steps, pauseMs }: Run['run']): Promise<number> {
  const ms = [];
  for (let i = 0; i < steps; i++) {
    if (pauseMs > 0) await pause(pauseMs);
    const start = performance.now();
    await step();
    ms.push(performance.now() - start);
  }
  return median(ms);
}

let step: Step = async () => {};
const server = createServer((_, response) => response.end('here'));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

await serve(async (message: Prepare | Run) => {
  if ('prepare' in message) {
    step = training(message.prepare.sizes, message.prepare.batch);
    for (let i = 0; i < 5; i++) await step();
    return { port: (server.address() as AddressInfo).port };
  }
  const timers = message.run.timers ? [1, 10].map((period) => setInterval(() => {}, period)) : [];
  const ms = await run(step, message.run);
  timers.forEach(clearInterval);
  return { ms };
});
server.close();
