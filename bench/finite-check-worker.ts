// Measures what bench/finite-check.ts prints, a case in a process of its own.
import { data, losses, nn, optim, seed, Trainer } from 'anneal';
import { serve } from './peer.js';
import { median, percentile } from './statistics.js';

interface Case {
  readonly sizes: readonly [inputs: number, hidden: number, outputs: number];
  readonly batchSize: number;
  readonly steps: number;
  readonly adam: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  '4-16-3, batch 16, Adam': { sizes: [4, 16, 3], batchSize: 16, steps: 8192, adam: true },
  '784-256-10, batch 128, Adam': { sizes: [784, 256, 10], batchSize: 128, steps: 64, adam: true },
  '1024-4096-1024, batch 64, SGD': { sizes: [1024, 4096, 1024], batchSize: 64, steps: 8, adam: false },
};
const ROUNDS = 41;

/** Times so many steps of fit() per call, in us a step. */
function fitting({ sizes: [inputs, hidden, outputs], batchSize, steps, adam }: Case, checkFinite: boolean): () => Promise<number> {
  seed(0);
  const model = nn.sequential([inputs], nn.linear(inputs, hidden), nn.relu(), nn.linear(hidden, outputs));
  const optimizer = adam ? optim.adam(model.parameters(), { lr: 1e-4 }) : optim.sgd(model.parameters(), { lr: 1e-4 });
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
  const examples = Math.min(steps, 64) * batchSize;
  const x = Float32Array.from({ length: examples * inputs }, (_, i) => ((i * 7919) % 1009) / 504.5 - 1);
  const y = Int32Array.from({ length: examples }, (_, i) => i % outputs);
  const train = data.fromArrays({ x, y, shape: [inputs], classes: outputs });
  const epochs = steps / Math.min(steps, 64);
  return async () => {
    const start = performance.now();
    await trainer.fit(train, { epochs, batchSize, checkFinite });
    return (1000 * (performance.now() - start)) / (epochs * Math.min(steps, 64));
  };
}

await serve(async ({ name }: { readonly name: string }) => {
  const [checked, unchecked] = [true, false].map((check) => fitting(CASES[name]!, check)) as [() => Promise<number>, () => Promise<number>];
  for (let i = 0; i < 4; i++) await (i % 2 === 0 ? checked : unchecked)();
  const times: { readonly checked: number; readonly unchecked: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Who goes first changes: what one leaves in the caches, the other finds.
    const first = await (round % 2 === 0 ? checked : unchecked)();
    const second = await (round % 2 === 0 ? unchecked : checked)();
    times.push(round % 2 === 0 ? { checked: first, unchecked: second } : { checked: second, unchecked: first });
  }
  const ratios = times.map((time) => time.checked / time.unchecked);
  return {
    withCheckUs: median(times.map((time) => time.checked)),
    withoutUs: median(times.map((time) => time.unchecked)),
    ratio: median(ratios),
    quartiles: [percentile(ratios, 0.25), percentile(ratios, 0.75)],
  };
});
