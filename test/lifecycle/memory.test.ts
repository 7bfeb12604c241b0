import { data, losses, metrics, mul, nn, ones, optim, seed, sum, tensor, Trainer } from 'anneal';
import { expect, test } from 'vitest';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;

/** Nothing is freed by hand; batches, reads and predictions are new on every step. */
test('memory is flat over 20,000 steps of the explicit loop', { timeout: 300_000 }, async () => {
  seed(1);
  const model = nn.sequential([32], nn.linear(32, 64), nn.relu(), nn.linear(64, 4));
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const stats = () => (engine() as RuntimeEngine).session.native.stats();
  const train = async (steps: number): Promise<void> => {
    for (let step = 0; step < steps; step++) {
      const x = tensor(new Float32Array(16 * 32).fill(step % 7), { shape: [16, 32] });
      const labels = tensor(Int32Array.from({ length: 16 }, (_, i) => (i + step) % 4));
      const outputs = model.forward(x);
      const loss = losses.crossEntropy(outputs, labels);
      if (step % 10 === 0) await outputs.data();
      optimizer.zeroGrad();
      loss.backward();
      if (step % 10 === 5) await model.parameters()[0]!.grad!.data();
      await optimizer.step();
      if (step % 100 === 0) await loss.item();
    }
  };
  await train(4_000);
  const [before, storageBefore] = [megabytes(), stats().storageBytes];
  await train(20_000);
  expect(stats().storageBytes).toBe(storageBefore);
  expect(megabytes() - before).toBeLessThan(30);
});

test('the memory of a gradient that was read serves the next one, and goes with a step whose gradient nobody read', async () => {
  const model = nn.sequential([8], nn.linear(8, 3, { bias: false }));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const { native } = (engine() as RuntimeEngine).session;
  const backward = (scale: number): void => {
    optimizer.zeroGrad();
    mul(sum(model.forward(ones([2, 8]))), scale).backward();
  };
  const read = async (scale: number): Promise<number> => (await (backward(scale), model.parameters()[0]!.grad!).data())[0]!;
  await model.parameters()[0]!.data();
  const without = native.stats().storageBytes;
  expect(await read(1)).toBe(2);
  const held = native.stats().storageBytes;
  expect(held).toBeGreaterThan(without);
  expect(await read(3)).toBe(6);
  expect(native.stats().storageBytes).toBe(held);
  await optimizer.step();
  backward(1);
  await optimizer.step();
  expect(native.stats().storageBytes).toBe(without);
});

test('memory is flat over 200,000 steps of fit', { timeout: 300_000 }, async () => {
  seed(1);
  const model = nn.sequential([4], nn.linear(4, 16), nn.relu(), nn.dropout(0.1), nn.linear(16, 3));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()), metrics: [metrics.accuracy()] });
  const examples = data.fromArrays({ x: new Float32Array(4000), y: new Int32Array(1000), shape: [4] });
  const { native } = (engine() as RuntimeEngine).session;
  const train = async (epochs: number): Promise<void> => void (await trainer.fit(examples, { epochs, batchSize: 5, shuffle: true }));
  await train(200);
  const [before, storageBefore] = [megabytes(), native.stats().storageBytes];
  await train(1000);
  expect(native.stats().storageBytes).toBeLessThanOrEqual(storageBefore);
  expect(megabytes() - before).toBeLessThan(30);
});
