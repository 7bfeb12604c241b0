import { data, info, losses, metrics, nn, optim, seed, train, Trainer } from 'anneal';

const CLASSES = 3;
const NEXT = `
Next, in a file of your own, such as train.mjs:

    import { data, losses, metrics, nn, optim, seed, train, Trainer } from 'anneal';

    seed(1);
    const x = Float32Array.from({ length: 2000 }, () => Math.random());            // 1,000 examples of two numbers
    const y = Int32Array.from({ length: 1000 }, (_, i) => Number(x[2 * i] > x[2 * i + 1]));
    const points = data.fromArrays({ x, y, shape: [2] });
    const model = nn.sequential([2], nn.linear(2, 32), nn.relu(), nn.linear(32, 2));
    const optimizer = optim.adam(model.parameters(), { lr: 1e-2 });
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
    await trainer.fit(points, { epochs: 10, batchSize: 32, shuffle: true, seed: 1, validationSplit: 0.2, callbacks: [train.progress()] });

The guide has the rest: docs/guide.md in the package.
`;

/** Points on spirals that wind around each other, one for each class. */
function spirals(each: number) {
  let state = 1;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const x = new Float32Array(2 * CLASSES * each);
  const y = new Int32Array(CLASSES * each);
  for (let i = 0; i < y.length; i++) {
    y[i] = i % CLASSES;
    const radius = 0.1 + 0.9 * random();
    const angle = (2 * Math.PI * y[i]!) / CLASSES + 6 * radius + 0.8 * (random() - 0.5);
    x.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i);
  }
  return data.fromArrays({ x, y, shape: [2], name: 'spirals' });
}

/** Trains a small network on data that is made here, and says what to write next. */
export async function demo(): Promise<void> {
  const { version, target, threads } = info();
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(`anneal ${version} on ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
  say('Three spirals of 1,000 points each, and a network of 2-64-64-3 that learns which of them a point is on.\n');
  seed(1);
  const model = nn.sequential([2], nn.linear(2, 64), nn.relu(), nn.linear(64, 64), nn.relu(), nn.linear(64, CLASSES));
  const optimizer = optim.adam(model.parameters(), { lr: 3e-3 });
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
  const start = performance.now();
  const history = await trainer.fit(spirals(1000), { epochs: 40, batchSize: 32, shuffle: true, seed: 1, validationSplit: 0.2, callbacks: [train.progress({ every: 10 })] });
  const seconds = (performance.now() - start) / 1000;
  const accuracy = history.at(-1)!.validation!.accuracy;
  say(`\n${(100 * accuracy).toFixed(1)} % of 600 points that it has not seen are on the spiral that it says, after ${seconds.toFixed(1)} s.\n${NEXT}`);
}
