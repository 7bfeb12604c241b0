// Measures what bench/step-options.ts prints, a case in a process of its own.
import { data, losses, nn, optim, seed, Trainer, type train } from 'anneal';
import { serve } from './peer.js';
import { median, percentile } from './statistics.js';

interface Network {
  readonly sizes: readonly number[];
  readonly batchSize: number;
  readonly steps: number;
  readonly optimizer: 'adam' | 'sgd';
}

const NETWORKS: Readonly<Record<string, Network>> = {
  '4-16-3, batch 16, Adam': { sizes: [4, 16, 3], batchSize: 16, steps: 8192, optimizer: 'adam' },
  '784-512-256-10, batch 128, Adam': { sizes: [784, 512, 256, 10], batchSize: 128, steps: 64, optimizer: 'adam' },
  '1024-4096-1024, batch 64, SGD': { sizes: [1024, 4096, 1024], batchSize: 64, steps: 8, optimizer: 'sgd' },
};

/** With the option and without it. */
interface Sides {
  readonly fit: readonly [train.FitOptions, train.FitOptions];
  readonly lr: readonly [optim.Schedule | number, number];
}

const LR = 1e-4;
const OPTIONS: Readonly<Record<string, Sides>> = {
  'look for what is not finite': { fit: [{}, { checkFinite: false }], lr: [LR, LR] },
  'clip, average, schedule': {
    fit: [{ clip: { globalNorm: 1 }, average: optim.exponentialMovingAverage({ decay: 0.999 }) }, {}],
    lr: [optim.schedules.warmup(100, optim.schedules.cosine(LR, 1_000_000)), LR],
  },
};
const ROUNDS = 41;

/** Times so many steps of fit() per call, in us a step. */
function fitting({ sizes, batchSize, steps, optimizer }: Network, options: train.FitOptions, lr: optim.Schedule | number): () => Promise<number> {
  seed(0);
  const [inputs, outputs] = [sizes[0]!, sizes.at(-1)!];
  const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
  const model = nn.sequential([inputs], layers.slice(0, -1));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim[optimizer](model.parameters(), { lr }) });
  const examples = Math.min(steps, 64) * batchSize;
  const x = Float32Array.from({ length: examples * inputs }, (_, i) => ((i * 7919) % 1009) / 504.5 - 1);
  const y = Int32Array.from({ length: examples }, (_, i) => i % outputs);
  const points = data.fromArrays({ x, y, shape: [inputs], classes: outputs });
  const epochs = steps / Math.min(steps, 64);
  return async () => {
    const start = performance.now();
    await trainer.fit(points, { epochs, batchSize, ...options });
    return (1000 * (performance.now() - start)) / (epochs * Math.min(steps, 64));
  };
}

await serve(async ({ network, option }: { readonly network: string; readonly option: string }) => {
  const { fit, lr } = OPTIONS[option]!;
  const [on, off] = [0, 1].map((side) => fitting(NETWORKS[network]!, fit[side]!, lr[side]!)) as [() => Promise<number>, () => Promise<number>];
  for (let i = 0; i < 4; i++) await (i % 2 === 0 ? on : off)();
  const times: { readonly on: number; readonly off: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Who goes first changes: what one leaves in the caches, the other finds.
    const first = await (round % 2 === 0 ? on : off)();
    const second = await (round % 2 === 0 ? off : on)();
    times.push(round % 2 === 0 ? { on: first, off: second } : { on: second, off: first });
  }
  const ratios = times.map((time) => time.on / time.off);
  return {
    withUs: median(times.map((time) => time.on)),
    withoutUs: median(times.map((time) => time.off)),
    ratio: median(ratios),
    quartiles: [percentile(ratios, 0.25), percentile(ratios, 0.75)],
  };
});
