// anneal's side of bench/steps.ts: the explicit loop, as a user writes it, over one batch that stays.
import { losses, nn, optim, seed, tensor } from 'anneal';
import { serve } from './peer.js';

interface Prepare {
  readonly prepare: { readonly sizes: readonly number[]; readonly batch: number };
  readonly warmup: number;
}

interface Run {
  readonly run: number;
}

/** A model of these sizes, a batch of numbers for it, and the loop. */
function training(sizes: readonly number[], batch: number): (steps: number) => Promise<{ ms: number; loss: number }> {
  seed(0);
  const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
  const model = nn.sequential([sizes[0]!], layers.slice(0, -1));
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const inputs = tensor(Float32Array.from({ length: batch * sizes[0]! }, Math.random), { shape: [batch, sizes[0]!] });
  const classes = sizes.at(-1)!;
  const labels = tensor(Int32Array.from({ length: batch }, () => Math.floor(Math.random() * classes)));

  return async (steps) => {
    const start = performance.now();
    let last = Number.NaN;
    for (let i = 0; i < steps; i++) {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
      if (i === steps - 1) last = await loss.item();
    }
    return { ms: (performance.now() - start) / steps, loss: last };
  };
}

let run: ((steps: number) => Promise<{ ms: number; loss: number }>) | undefined;

await serve(async (message: Prepare | Run) => {
  if ('prepare' in message) {
    run = training(message.prepare.sizes, message.prepare.batch);
    return run(message.warmup);
  }
  return run!(message.run);
});
