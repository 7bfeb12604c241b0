// Measures what bench/checkpoints.ts prints, a network in a process of its own.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { data, losses, nn, optim, seed, Trainer, type train } from 'anneal';
import { serve } from './peer.js';
import { median } from './statistics.js';

const ROUNDS = 5;
const SECONDS = 1.2;
const EVERY = 0.2;

interface Round {
  readonly ms: number;
  readonly checkpoints: number;
  readonly delayMs: number;
}

await serve(async ({ sizes, batchSize }: { readonly sizes: readonly number[]; readonly batchSize: number }) => {
  const [inputs, outputs] = [sizes[0]!, sizes.at(-1)!];
  const examples = 32 * batchSize;
  const x = Float32Array.from({ length: examples * inputs }, (_, i) => ((i * 7919) % 1009) / 504.5 - 1);
  const points = data.fromArrays({ x, y: Int32Array.from({ length: examples }, (_, i) => i % outputs), shape: [inputs], classes: outputs });
  let bytes = 0;

  /** Time from the first step to the last, so many epochs on, with checkpoints or without. */
  const round = async (epochs: number, everySeconds: number | undefined): Promise<Round> => {
    seed(0);
    const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
    const model = nn.sequential([inputs], layers.slice(0, -1));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 1e-4 }) });
    const dir = mkdtempSync(join(tmpdir(), 'anneal-bench-'));
    let [start, end, taken] = [0, 0, 0];
    const looking: train.Callback = { passive: true, onStep: () => void (end = performance.now()), onEpochStart: ({ epoch }) => void (epoch === 1 && (start = performance.now())), stateDict: () => (taken++, {}) };
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await trainer.fit(points, { epochs, batchSize, callbacks: looking, ...(everySeconds === undefined ? {} : { checkpoint: { dir, everySeconds } }) });
    delay.disable();
    for (const name of readdirSync(dir)) bytes = Math.max(bytes, statSync(join(dir, name)).size);
    rmSync(dir, { recursive: true });
    return { ms: end - start, checkpoints: Math.max(taken - 1, 0), delayMs: delay.percentile(99) / 1e6 };
  };

  const { ms } = await round(6, undefined);
  const epochs = Math.max(3, Math.ceil((SECONDS * 1000) / (ms / 5)));
  const rounds: { readonly on: Round; readonly off: Round }[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const first = await round(epochs, i % 2 === 0 ? EVERY : undefined);
    const second = await round(epochs, i % 2 === 0 ? undefined : EVERY);
    rounds.push(i % 2 === 0 ? { on: first, off: second } : { on: second, off: first });
  }
  return {
    megabytes: bytes / 1e6,
    msPerCheckpoint: median(rounds.map(({ on, off }) => (on.ms - off.ms) / on.checkpoints)),
    checkpoints: median(rounds.map(({ on }) => on.checkpoints)),
    delayWithMs: median(rounds.map(({ on }) => on.delayMs)),
    delayWithoutMs: median(rounds.map(({ off }) => off.delayMs)),
  };
});
