import { data, losses, nn, optim, seed, tensor, Trainer, zeros } from 'anneal';
import { expect, test } from 'vitest';

function training(width: number, batch: number): () => Promise<void> {
  seed(1);
  const model = nn.sequential([width as number], nn.linear(width, width), nn.relu(), nn.linear(width, 10));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01 });
  const [x, labels] = [zeros([batch, width]), zeros([batch], { dtype: 'int32' })];
  return () => {
    losses.crossEntropy(model.forward(x), labels).backward();
    return optimizer.step();
  };
}

test('a loop of small awaited steps lets timers have their turn', async () => {
  const step = training(4, 8);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const start = performance.now();
  while (performance.now() - start < 500) await step();
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
});

test('fit() of a small model lets timers have their turn', async () => {
  seed(1);
  const model = nn.sequential([4], nn.linear(4, 8), nn.relu(), nn.linear(8, 2));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.01 }) });
  const examples = data.fromArrays({ x: new Float32Array(4000), y: new Int32Array(1000), shape: [4] });
  const stop = new AbortController();
  let ticks = 0;
  const timer = setInterval(() => ++ticks === 20 && stop.abort(), 10);
  await expect(trainer.fit(examples, { epochs: 1_000_000, batchSize: 8, signal: stop.signal })).rejects.toMatchObject({ code: 'ANNEAL_ABORTED' });
  clearInterval(timer);
  expect(trainer.history.length).toBeGreaterThan(1);
});

test('a large step runs elsewhere: the thread that called it is free meanwhile', async () => {
  const step = training(1024, 512);
  await step();
  let done = false;
  const running = step().then(() => (done = true));
  expect(done).toBe(false);
  let turns = 0;
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await running;
  expect(turns).toBeGreaterThan(2);
});

test('at most two steps are in flight, and all of them happen in order', async () => {
  const step = training(512, 128);
  const order: number[] = [];
  await Promise.all(Array.from({ length: 6 }, (_, i) => step().then(() => order.push(i))));
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});

test('gradients that a waiting step consumes are freed after it, not before', async () => {
  seed(1);
  const model = nn.sequential([512], nn.linear(512, 512), nn.relu(), nn.linear(512, 10));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01 });
  const [x, labels] = [tensor(new Float32Array(128 * 512), { shape: [128, 512] }), tensor(new Int32Array(128))];
  await model.parameters()[0]!.data();
  const backward = (): void => losses.crossEntropy(model.forward(x), labels).backward();
  const steps = Array.from({ length: 12 }, () => {
    backward();
    backward();
    return optimizer.step();
  });
  await Promise.all(steps);
  expect(optimizer.steps).toBe(12);
});
