// Trains for 50 steps and prints a hash of all weights: by the explicit loop, or by fit() with several steps
// in a call, or with one. A process of its own for each thread count. Usage: tsx training.ts loop|fit|stepwise
import { createHash } from 'node:crypto';
import { data, losses, metrics, nn, optim, seed, Trainer } from 'anneal';

const EXAMPLES = 500;
const FEATURES = 97;

seed(3);
const x = Float32Array.from({ length: EXAMPLES * FEATURES }, (_, i) => ((i * 7919) % 1009) / 504 - 1);
const y = Int32Array.from({ length: EXAMPLES }, (_, i) => (i * 31) % 10);
const train = data.fromArrays({ x, y, shape: [FEATURES] });
const model = nn.sequential(
  [FEATURES as number],
  nn.linear(FEATURES as number, 130),
  nn.relu(),
  nn.dropout(0.2),
  nn.linear(130, 66),
  nn.gelu(),
  nn.linear(66, 33),
  nn.tanh(),
  nn.linear(33, 17),
  nn.sigmoid(),
  nn.linear(17, 10),
);
const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(0.01, 50) });
const loading = { batchSize: 54, shuffle: true, seed: 1, dropLast: false } as const;

if (process.argv[2] !== 'loop') {
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
  const callbacks = process.argv[2] === 'fit' ? [] : [{ onStep: () => undefined }];
  await trainer.fit(train, { epochs: 5, ...loading, callbacks });
} else {
  const loader = data.loader(train, loading);
  for (let epoch = 0; epoch < 5; epoch++)
    for await (const [inputs, labels] of loader) {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
    }
}

const hash = createHash('sha256');
for (const parameter of model.parameters()) hash.update(new Uint8Array((await parameter.data()).buffer));
console.log(hash.digest('hex'));
