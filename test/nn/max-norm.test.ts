// Embeddings whose rows have a largest norm; numbers of PyTorch: test/parity/sparse.test.ts.
import { expect, test } from 'vitest';
import { data, losses, nn, optim, seed, tensor, Trainer, type Tensor } from 'anneal';

const table = Float32Array.of(3, 4, 0.3, 0.4, 0, 0, 6, 8);
const tokens = (values: number[]): Tensor<[number], 'int32'> => tensor(values, { dtype: 'int32' }) as never;

function layerOf(options: nn.EmbeddingLayerOptions = {}): nn.Embedding {
  const layer = nn.embedding(4, 2, { maxNorm: 1, ...options });
  layer.weight.initialize(() => tensor(table, { shape: [4, 2] }) as Tensor);
  return layer as nn.Embedding;
}

test('rows that are looked up are short, the weight stays as it is where no step runs', async () => {
  const layer = layerOf();
  const rows = await layer.forward(tokens([0, 1, 2, 3])).data();
  [0.6, 0.8, 0.3, 0.4, 0, 0, 0.6, 0.8].forEach((value, i) => expect(rows[i]).toBeCloseTo(value, 6));
  expect(await layer.weight.data()).toEqual(table);
});

test('the gradient is that of the rows as they are looked up', async () => {
  const layer = layerOf();
  layer.parameters();
  layer.forward(tokens([0, 0, 1])).mul(tensor([[1, 2], [3, 4], [5, 6]])).sum().backward();
  expect([...(await layer.weight.grad!.data())]).toEqual([4, 6, 5, 6, 0, 0, 0, 0]);
});

test.each([false, true])('a step begins with rows that were looked up shortened, others stay; sparse %s', async (sparse) => {
  const layer = layerOf({ sparse });
  const optimizer = optim.sgd(layer.parameters(), { lr: 0.5 });
  layer.forward(tokens([0, 1])).sum().backward();
  await optimizer.step();
  const weight = await layer.weight.data();
  [0.6 - 0.5, 0.8 - 0.5, 0.3 - 0.5, 0.4 - 0.5, 0, 0, 6, 8].forEach((value, i) => expect(weight[i]).toBeCloseTo(value, 6));
});

test('a rule that is composed sees the shortened rows: its step depends on their size', async () => {
  const step = async (first: number): Promise<Float32Array> => {
    const layer = nn.embedding(4, 2, { maxNorm: 1 });
    layer.weight.initialize(() => tensor(table.map((value, i) => (i < 2 ? value * first : value)), { shape: [4, 2] }) as Tensor);
    const optimizer = optim.adafactor(layer.parameters(), { lr: 0.1 });
    layer.forward(tokens([0, 1, 2, 3])).pow(2).sum().backward();
    await optimizer.step();
    return layer.weight.data();
  };
  const [short, long] = [await step(1 / 5), await step(100)];
  long.forEach((value, i) => expect(value).toBeCloseTo(short[i]!, 5));
});

test('steps in one call and steps of a loop leave the same bits', async () => {
  const examples = data.fromArrays({ x: Int32Array.from({ length: 64 }, (_, i) => (i * 7) % 5), y: Int32Array.from({ length: 32 }, (_, i) => i % 3), shape: [2] });
  const build = (): nn.Sequential => {
    seed(3);
    return nn.sequential([2], nn.embedding(5, 4, { maxNorm: 0.7 }), nn.flatten(), nn.linear(8, 3)) as unknown as nn.Sequential;
  };
  const fitted = build();
  await new Trainer(fitted as never, { loss: losses.crossEntropy, optimizer: optim.adamw(fitted.parameters(), { lr: 0.05 }) }).fit(examples as never, { batchSize: 8, epochs: 3, shuffle: false });
  const looped = build();
  const optimizer = optim.adamw(looped.parameters(), { lr: 0.05 });
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const [inputs, targets] of data.loader(examples, { batchSize: 8 })) {
      optimizer.zeroGrad();
      losses.crossEntropy(looped.forward(inputs as never) as never, targets as never).backward();
      await optimizer.step();
    }
  }
  const [a, b] = await Promise.all([fitted, looped].map((model) => model.parameters()[0]!.data()));
  expect(a).toEqual(b);
  expect(Math.max(...(a as Float32Array).map(Math.abs))).toBeGreaterThan(0);
});
