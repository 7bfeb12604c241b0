import { describe, expect, it } from 'vitest';
import { add, concat, data, losses, metrics, nn, optim, seed, Trainer, train, type Tensor } from 'anneal';

type In = { a: [3]; b: [2] };

/** Two inputs, one trunk, one output. */
class Joined extends nn.Module<In, [3]> {
  readonly trunk = nn.linear(5, 8);
  readonly head = nn.linear(8, 3);
  /** Says of itself that every step is alike. */
  constructor(readonly alike: boolean) {
    super();
  }
  override get builtin(): boolean {
    return this.alike;
  }
  override forward({ a, b }: nn.Inputs<In>): Tensor {
    return this.head.forward(this.trunk.forward(concat([a as Tensor, b as Tensor], 1)).relu());
  }
}

/** The same of one input. */
class Whole extends nn.Module<[5], [3]> {
  readonly trunk = nn.linear(5, 8);
  readonly head = nn.linear(8, 3);
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.trunk.forward(x).relu());
  }
}

class TwoHeads extends nn.Module<In, { kind: [3]; price: [1] }> {
  readonly trunk = nn.linear(5, 8);
  readonly kind = nn.linear(8, 3);
  readonly price = nn.linear(8, 1);
  override forward({ a, b }: nn.Inputs<In>): { kind: Tensor; price: Tensor } {
    const trunk = this.trunk.forward(concat([a as Tensor, b as Tensor], 1)).relu();
    return { kind: this.kind.forward(trunk), price: this.price.forward(trunk) };
  }
}

const N = 50;
const at = (i: number): number => Math.sin(12.9898 * (i + 1));
const a = Float32Array.from({ length: 3 * N }, (_, i) => at(i));
const b = Float32Array.from({ length: 2 * N }, (_, i) => at(i + 1000));
const x = Float32Array.from({ length: 5 * N }, (_, i) => (i % 5 < 3 ? a[3 * Math.floor(i / 5) + (i % 5)]! : b[2 * Math.floor(i / 5) + (i % 5) - 3]!));
const y = Int32Array.from({ length: N }, (_, i) => Number(a[3 * i]! > 0) + Number(b[2 * i]! > 0));
const price = Float32Array.from({ length: N }, (_, i) => a[3 * i]! + 2 * b[2 * i]!);
const weights = Float32Array.from({ length: N }, (_, i) => 1 + (i % 3));
const shape = { a: [3], b: [2] } as const;

const joined = (alike = false) => {
  seed(7);
  const model = new Joined(alike);
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.01 }), metrics: [metrics.accuracy()] });
};
const whole = () => {
  seed(7);
  const model = new Whole();
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.01 }), metrics: [metrics.accuracy()] });
};
const twoHeads = () => {
  seed(7);
  const model = new TwoHeads();
  return new Trainer(model, {
    loss: (outputs, targets: { kind: Tensor; price: Tensor }, options?: losses.LossOptions) =>
      add(losses.crossEntropy(outputs.kind, targets.kind as Tensor, options), losses.meanSquaredError(outputs.price, targets.price, options)) as Tensor,
    optimizer: optim.adam(model.parameters(), { lr: 0.01 }),
    metrics: [metrics.ofField('kind', metrics.accuracy()), metrics.ofField('price', metrics.rootMeanSquaredError(), { name: 'error' })],
  });
};
const stateOf = async ({ model }: { readonly model: nn.Module }): Promise<unknown> => model.toArrays();
const options = { epochs: 3, batchSize: 8, shuffle: true, seed: 2 } as const;

describe('a model of two inputs', () => {
  const two = data.fromArrays({ x: { a, b }, y, shape, weights, classes: 3 });
  const one = data.fromArrays({ x, y, shape: [5], weights, classes: 3 });

  it.each([
    ['', {}],
    [' with class weights', { classWeights: 'balanced' }],
    [' with the last batch left out', { dropLast: true }],
    [' with gradients added up', { accumulate: 2 }],
    [' and part of the data held back', { validationSplit: 0.2 }],
  ] as const)('trains as the same model of one input%s, bit for bit', async (_, more) => {
    const [left, right] = [joined(), whole()];
    const [history, other] = [await left.fit(two, { ...options, ...more }), await right.fit(one, { ...options, ...more })];
    expect(history.map(({ loss, accuracy }) => [loss, accuracy])).toEqual(other.map(({ loss, accuracy }) => [loss, accuracy]));
    expect(await stateOf(left)).toEqual(await stateOf(right));
    expect(await left.evaluate(two)).toEqual(await right.evaluate(one));
    expect([...(await (await left.predict(two)).data())]).toEqual([...(await (await right.predict(one)).data())]);
  });

  it('trains the same by many steps in one call, where it says that every step is alike', async () => {
    const [quick, slow] = [joined(true), joined()];
    let stepwise: string | undefined = 'not told';
    await quick.fit(two, { ...options, callbacks: { passive: true, onFitStart: (event) => void (stepwise = event.stepwise) } });
    expect(stepwise).toBeUndefined();
    await slow.fit(two, options);
    expect(await stateOf(quick)).toEqual(await stateOf(slow));
  });

  it('predicts a record of tensors as a whole and in parts', async () => {
    const trainer = joined();
    const [inputs] = [...data.loader(two, { batchSize: N })][0]!;
    const all = [...(await (await trainer.predict(inputs)).data())];
    expect([...(await (await trainer.predict(inputs, { batchSize: 7 })).data())]).toEqual(all);
    await expect(trainer.predict({ a: inputs.a, b: inputs.b.slice(0, 3) as typeof inputs.b })).rejects.toThrow('[predict] the inputs differ in length: got 50 examples in inputs.a, 3 in inputs.b, expected as many. Put the batch in front of each.');
  });

  it('takes a loader of its user’s own', async () => {
    const batches = [...data.loader(two, { batchSize: 10 })];
    const own = { shape, length: undefined, size: undefined, batchSize: 10, epoch: 0, stateDict: () => ({}) as data.LoaderState, loadStateDict: () => undefined, async *[Symbol.asyncIterator]() { yield* batches; } };
    const history = await joined().fit(own as unknown as data.Loader<In, [], 'int32'>, { epochs: 2 });
    expect(history.at(-1)!.examples).toBe(N);
  });

  it('takes a stream', async () => {
    const rows = () => Array.from({ length: N }, (_, i) => ({ x: { a: a.subarray(3 * i, 3 * i + 3), b: b.subarray(2 * i, 2 * i + 2) }, y: y[i]! }));
    const stream = data.fromIterable(rows, { shape, classes: 3 });
    const [left, right] = [joined(), joined()];
    const unweighted = data.fromArrays({ x: { a, b }, y, shape });
    const [history, other] = [await left.fit(stream, { epochs: 2, batchSize: 8 }), await right.fit(unweighted, { epochs: 2, batchSize: 8 })];
    expect(history.map(({ loss, accuracy }) => [loss, accuracy])).toEqual(other.map(({ loss, accuracy }) => [loss, accuracy]));
    expect(await stateOf(left)).toEqual(await stateOf(right));
    expect(await left.evaluate(stream)).toEqual(await right.evaluate(unweighted));
    expect([...(await (await left.predict(stream)).data())]).toEqual([...(await (await right.predict(unweighted)).data())]);
  });

  it('is looked into, summed up, and told by events', async () => {
    const trainer = joined();
    const history = await trainer.fit(two, { ...options, inspect: true });
    expect(history[0]!.layers!.map(({ layer }) => layer)).toEqual(['trunk', 'head']);
    const summary = trainer.summary({ input: { a: [3], b: [2] } });
    expect(summary.input).toEqual({ a: [3], b: [2] });
    expect(summary.layers.map(({ output }) => output)).toEqual([[8], [3], [3]].slice(0, summary.layers.length));
    expect(String(summary)).toContain('input        { a: [3], b: [2] }');
    const types: string[] = [];
    for await (const event of trainer.events(two, { batchSize: 25 })) types.push(event.type);
    expect(types).toEqual(['fitStart', 'epochStart', 'step', 'step', 'epochEnd', 'fitEnd']);
  });

  it('names the field whose element is not finite', async () => {
    const spoilt = b.slice();
    spoilt[5] = NaN;
    const trainer = joined();
    await expect(trainer.fit(data.fromArrays({ x: { a, b: spoilt }, y, shape, name: 'spoilt' }), { batchSize: 10 })).rejects.toThrow("element 1 of x.b is NaN in example 2 of dataset 'spoilt'");
  });
});

describe('a model of two outputs', () => {
  const dataset = data.fromArrays({ x: { a, b }, y: { kind: y, price }, shape, targetShape: { kind: [], price: [1] }, weights });

  it('trains by a loss of both', async () => {
    const trainer = twoHeads();
    const history = await trainer.fit(dataset, { epochs: 30, batchSize: 10, shuffle: true, validation: dataset, callbacks: train.earlyStopping({ monitor: 'loss', patience: 30 }) });
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss / 2);
    expect(history.at(-1)!.validation!.kindAccuracy).toBeGreaterThan(0.7);
    const { kind, price: prices } = await trainer.predict(dataset);
    expect([kind.shape, prices.shape]).toEqual([[N, 3], [N, 1]]);
    const { error, kindAccuracy } = await trainer.evaluate(dataset);
    const outputs = await prices.data();
    expect(error).toBeCloseTo(Math.sqrt(outputs.reduce((total, value, i) => total + (value - price[i]!) ** 2, 0) / N), 4);
    expect(kindAccuracy).toBe(history.at(-1)!.validation!.kindAccuracy);
    expect(trainer.summary({ input: { a: [3], b: [2] } }).layers.at(-1)!.layer).toBeDefined();
  });

  it('has no class weights, and metrics of one field only', async () => {
    const trainer = twoHeads();
    await expect(trainer.fit(dataset, { classWeights: [1, 1, 1] })).rejects.toThrow('[fit] classWeights: got targets of several fields (kind, price), expected one class index an example. Weigh the classes in a loss of your own.');
    const { model, optimizer } = trainer;
    const counted = new Trainer(model as unknown as TwoHeads, { loss: (outputs, _targets, _options?: losses.LossOptions) => outputs.price.mean() as Tensor, optimizer, metrics: [metrics.accuracy()] });
    await expect(counted.evaluate(dataset)).rejects.toThrow("[accuracy] outputs: got a record of tensors (kind, price), expected one tensor. Name the field that is measured: metrics.ofField('kind', metrics.accuracy()).");
    const single = new Trainer(model as unknown as TwoHeads, { loss: losses.crossEntropy as unknown as losses.LossFor<{ kind: [3]; price: [1] }>, optimizer });
    await expect(single.evaluate(dataset)).rejects.toThrow('[crossEntropy] outputs: got a record of tensors (kind, price), expected one tensor. Give the Trainer a loss of your own');
    const sort = new Trainer(model as unknown as TwoHeads, { loss: (outputs, _targets, _options?: losses.LossOptions) => outputs.price.mean() as Tensor, optimizer, metrics: [metrics.ofField('sort', metrics.accuracy())] });
    await expect(sort.evaluate(dataset)).rejects.toThrow('[sortAccuracy] outputs: got a record of kind, price, expected one with the field sort. Name one of them.');
  });
});
