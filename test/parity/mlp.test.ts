// The first 20 losses of a whole run against PyTorch: 784-32-10, ReLU, cross-entropy, 128 images of MNIST in batches of 32.
import { expect, test } from 'vitest';
import { losses, nn, optim, tensor, type Parameter } from 'anneal';
import { fixture, type Numbers } from './fixtures.js';

interface Run {
  /** Base64 of bytes, [128,784]. */
  readonly images: string;
  readonly labels: Numbers;
  /** Base64 of float32. */
  readonly weights: Readonly<Record<string, string>>;
  readonly batchSize: number;
  readonly losses: Readonly<Record<'sgd' | 'adam', readonly number[]>>;
}

const { run } = fixture<{ run: Run }>('mlp.json');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const pixels = Float32Array.from(bytes(run.images), (pixel) => Math.fround(pixel / 255));
const labels = Int32Array.from(run.labels, Number);

const optimizers: Readonly<Record<keyof Run['losses'], (parameters: Parameter[]) => optim.Optimizer>> = {
  sgd: (parameters) => optim.sgd(parameters, { lr: 0.1, momentum: 0.9 }),
  adam: (parameters) => optim.adam(parameters, { lr: 1e-3 }),
};

test.each(Object.keys(run.losses) as (keyof Run['losses'])[])('losses with %s agree to 3e-6', async (kind) => {
  const model = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
  await model.loadStateDict(Object.fromEntries(Object.entries(run.weights).map(([name, text]) => [name, new Float32Array(bytes(text).buffer)])));
  const optimizer = optimizers[kind](model.parameters());
  for (const [step, expected] of run.losses[kind].entries()) {
    const from = (step * run.batchSize) % labels.length;
    const inputs = tensor(pixels.slice(from * 784, (from + run.batchSize) * 784), { shape: [run.batchSize, 784] });
    const loss = losses.crossEntropy(model.forward(inputs), tensor(labels.slice(from, from + run.batchSize)));
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
    const got = await loss.item();
    expect(Math.abs(got - expected) / expected, `loss of step ${step}: ${got}, PyTorch has ${expected}`).toBeLessThanOrEqual(3e-6);
  }
});
