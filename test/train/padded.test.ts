import { expect, it } from 'vitest';
import { cast, data, div, losses, metrics, mul, nn, optim, reshape, seed, sum, Trainer, type Tensor } from 'anneal';

type Text = { values: [number]; lengths: [] };

/** The mean of each sequence, through a layer. */
class Mean extends nn.Module<Text, [2]> {
  readonly head = nn.linear(1, 2);
  override get builtin(): boolean {
    return true;
  }
  override forward({ values, lengths }: nn.Inputs<Text>): Tensor {
    const total = sum(values as Tensor<[number, number], 'float32'>, { axis: 1 });
    return this.head.forward(reshape(div(total, cast(lengths, 'float32')) as Tensor, [-1, 1]));
  }
}

/** A class for each element. */
class Tagger extends nn.Module<Text, [number, 2]> {
  readonly head = nn.linear(1, 2);
  override forward({ values }: nn.Inputs<Text>): Tensor {
    const [B, T] = values.shape;
    return this.head.forward(reshape(values as Tensor, [B, T!, 1]));
  }
}

const N = 60;
const x = Array.from({ length: N }, (_, i) => Float32Array.from({ length: 1 + ((i * 7) % 11) }, (__, t) => Math.sin(i + 1) + 0.1 * Math.sin(t)));
const y = x.map((one) => Number(one[0]! > 0));
const trainer = () => {
  seed(5);
  const model = new Mean();
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.1 }), metrics: [metrics.accuracy()] });
};

it.each([['to the longest of a batch', undefined], ['to buckets', [4, 8, 12]]] as const)('trains on sequences padded %s', async (_, buckets) => {
  const texts = data.padded({ x, y, buckets, classes: 2, name: 'texts' });
  const one = trainer();
  let stepwise: string | undefined;
  const history = await one.fit(texts, { epochs: 30, batchSize: 8, shuffle: true, seed: 1, validationSplit: 0.2, classWeights: 'balanced', callbacks: { passive: true, onFitStart: (event) => void ({ stepwise } = event) } });
  expect(stepwise).toBe('the examples differ in length, and with them the batches (data.padded)');
  expect(history.at(-1)!.accuracy).toBeGreaterThan(0.95);
  expect(history.at(-1)!.validation!.accuracy).toBeGreaterThan(0.9);
  const outputs = await one.predict(texts, { batchSize: 7 });
  expect(outputs.shape).toEqual([N, 2]);
  // In the order of the data, whatever the buckets.
  const logits = await outputs.data();
  const right = y.filter((label, i) => Number(logits[2 * i + 1]! > logits[2 * i]!) === label).length / N;
  expect((await one.evaluate(texts)).accuracy).toBeCloseTo(right, 6);
  const all = [...data.loader(texts, { batchSize: N })];
  expect((await one.predict(all[0]![0])).shape[1]).toBe(2);
  await one.fit(texts, { batchSize: 8, accumulate: 3, dropLast: true });
});

it('resumes in the middle of an epoch with the same bits', async () => {
  const texts = data.padded({ x, y, buckets: [4, 8, 12] });
  const loader = () => data.loader(texts, { batchSize: 8, shuffle: true, seed: 1 });
  const whole = trainer();
  await whole.fit(loader(), { epochs: 2 });
  const parts = trainer();
  const batches = loader();
  await parts.fit(batches, { epochs: 2, callbacks: { onStep: ({ epoch, step, stop }) => void (epoch === 1 && step === 2 && stop()) } });
  batches.loadStateDict(batches.stateDict());
  await parts.fit(batches);
  expect(await parts.model.toArrays()).toEqual(await whole.model.toArrays());
});

it('labels each element, and refuses labels behind the end unless told', async () => {
  seed(5);
  const model = new Tagger();
  const tags = x.map((one) => Int32Array.from(one, (value) => Number(value > 0)));
  const tagged = data.padded({ x, y: tags, targetShape: [null] });
  const flat = (outputs: Tensor, labels: Tensor): [Tensor, Tensor<[number], 'int32'>] => [reshape(outputs, [-1, 2]) as Tensor, reshape(labels, [-1]) as unknown as Tensor<[number], 'int32'>];
  const optimizer = optim.adam(model.parameters(), { lr: 0.1 });
  const one = new Trainer(model, { loss: (outputs: Tensor, labels: Tensor) => losses.crossEntropy(...flat(outputs, labels), { ignoreIndex: -100 }), optimizer });
  const history = await one.fit(tagged, { epochs: 10, batchSize: 8, shuffle: true });
  expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss / 2);
  await expect(one.predict(tagged, { batchSize: 8 })).rejects.toThrow(/\[predict\] the outputs of batches differ in shape: got \[8,\d+,2\] and \[8,\d+,2\], expected the same but for the batch\. Pad all to one length/);
  expect((await one.predict(data.padded({ x, y: tags, targetShape: [null], buckets: [11] }), { batchSize: 8 })).shape).toEqual([N, 11, 2]);
  const strict = new Trainer(model, { loss: (outputs: Tensor, labels: Tensor) => losses.crossEntropy(...flat(outputs, labels)), optimizer });
  await expect(strict.fit(tagged, { batchSize: 8 })).rejects.toThrow('-100');
});

it('names the sequence whose element is not finite', async () => {
  const spoilt = x.map((one) => one.slice());
  spoilt[3]![0] = NaN;
  const model = new Mean();
  const one = new Trainer(model, { loss: (outputs: Tensor) => mul(outputs, outputs).mean() as Tensor, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  await expect(one.fit(data.padded({ x: spoilt, y, name: 'texts' }), { batchSize: 8 })).rejects.toThrow("element 0 of x.values is NaN in example 3 of dataset 'texts'");
});
