// A model in use: rows, batches, classes, while it trains.
import { describe, expect, it } from 'vitest';
import { data, logSoftmax, losses, metrics, nn, optim, Parameter, Predictor, sigmoid, softmax, tensor, Trainer, type Tensor } from 'anneal';

/** A model that gives its inputs back. */
class Echo extends nn.Module {
  readonly unused = new Parameter([1], nn.init.zeros());
  override forward(x: Tensor): Tensor {
    return x.mul(1) as Tensor;
  }
}
class Ended extends Echo {
  constructor(readonly end: (x: Tensor) => Tensor) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return this.end(x);
  }
}
const echo = (): nn.Module => new Echo();
const ended = (by: (x: Tensor) => Tensor): nn.Module => new Ended(by);
const round = (values: ArrayLike<number>): number[] => Array.from(values, (value) => Number(value.toPrecision(6)));

/** Classes of these logits, each by the probability of all. */
const classes = async (predictor: Predictor, logits: readonly (readonly number[])[]) => predictor.classify(tensor(logits as number[][]) as never);

describe('examples of tokens', () => {
  const tokens = [[1, 2, 3], [3, 2, 1]];

  it('are int32 for a chain that begins with an embedding', async () => {
    const predictor = new Predictor(nn.sequential([3], nn.embedding(4, 2), nn.flatten(), nn.linear(6, 2)));
    const expected = await (await predictor.predict(tensor(tokens, { dtype: 'int32' }))).array();
    expect(await (await predictor.predict(tokens)).array()).toEqual(expected);
    expect(await (await predictor.predict(tokens.map((row) => Float32Array.from(row)))).array()).toEqual(expected);
    expect(await predictor.rows(tokens)).toEqual((expected as number[][]).map((outputs) => ({ outputs })));
    for (const wrong of [0.5, NaN, 2 ** 31]) await expect(predictor.predict([[1, 2, 3], [1, 2, wrong]])).rejects.toThrow(`[predict] example 1: got ${wrong} at position 2, expected whole numbers, which the model looks up in its embedding.`);
  });

  it('are int32 as Int32Arrays for a model of one\'s own, and floats for a chain of others', async () => {
    class Words extends nn.Module<[number], [number]> {
      readonly words = nn.embedding(4, 2);
      override forward(x: Tensor): Tensor {
        return this.words.forward(x as Tensor<[number, number], 'int32'>).mean({ axis: 1 });
      }
    }
    const model = new Words();
    const [first] = await (await new Predictor(model).predict([Int32Array.of(2, 2)])).array() as number[][];
    expect(round(first!)).toEqual(round((await model.words.weight.data()).slice(4, 6)));
    expect((await new Predictor(nn.sequential([2], nn.linear(2, 1))).predict([Int32Array.of(2, 2)])).dtype).toBe('float32');
  });
});

describe('classify', () => {
  it('gives softmax(logits / temperature) and the greatest class by its name', async () => {
    const [first, second] = await classes(new Predictor(echo(), { classes: ['cat', 'dog', 'owl'], temperature: 2 }), [[0, 2, 1], [3, 3, -1000]]);
    const powers = [0, 2, 1].map((logit) => Math.exp(logit / 2));
    const sum = powers[0]! + powers[1]! + powers[2]!;
    expect(Object.keys(first!.probabilities)).toEqual(['cat', 'dog', 'owl']);
    expect(round(Object.values(first!.probabilities))).toEqual(round(powers.map((power) => power / sum)));
    expect(first).toMatchObject({ label: 'dog', index: 1, probability: first!.probabilities['dog'] });
    expect(second).toMatchObject({ label: 'cat', index: 0, probability: 0.5 });
    expect((await classes(new Predictor(echo()), [[0, 2]]))[0]).toMatchObject({ label: '1', index: 1 });
  });

  it('is yes or no of one output, by the threshold', async () => {
    const options = { classes: ['no', 'yes'] };
    const labels = async (predictor: Predictor, logits: number[]): Promise<string[]> => (await classes(predictor, logits.map((one) => [one]))).map(({ label }) => label);
    expect(await labels(new Predictor(echo(), options), [-1, 1])).toEqual(['no', 'yes']);
    expect(await labels(new Predictor(echo(), { ...options, threshold: 0.8 }), [1, 2])).toEqual(['no', 'yes']);
    expect(round(Object.values((await classes(new Predictor(echo(), { temperature: 4 }), [[4]]))[0]!.probabilities))).toEqual(round([1 - 1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(-1))]));
    expect(await classes(new Predictor(echo(), { ...options, threshold: 0.9 }), [[0, 2]])).toMatchObject([{ label: 'no' }]);
    // Of one dimension, too.
    expect(await classes(new Predictor(ended((v) => v.reshape([-1]) as Tensor), options), [[3], [-3]])).toMatchObject([{ label: 'yes' }, { label: 'no' }]);
  });

  it.each<[string, (x: Tensor) => Tensor, number[]]>([
    ['softmax', (v) => softmax(v) as Tensor, [0, 2, 1]],
    ['log softmax', (v) => logSoftmax(v) as Tensor, [0, 2, 1]],
    ['sigmoid', (v) => sigmoid(v) as Tensor, [1.5]],
  ])('notices %s at the end of a model', async (_, end, logits) => {
    for (const temperature of [1, 3]) {
      const [plain] = await classes(new Predictor(echo(), { temperature }), [logits]);
      const [noticed] = await classes(new Predictor(ended(end), { temperature }), [logits]);
      for (const [label, probability] of Object.entries(plain!.probabilities)) expect(noticed!.probabilities[label]).toBeCloseTo(probability, 6);
    }
  });

  it('stays a number where logits are large, and NaN where they are', async () => {
    const [large, unknown] = await classes(new Predictor(echo()), [[1e30, -1e30], [NaN, 0]]);
    expect(large!.probability).toBe(1);
    expect(unknown!.probability).toBeNaN();
  });

  it('refuses outputs that are no classes, or not as many', async () => {
    await expect(new Predictor(echo()).classify(tensor([[[1]]]) as never)).rejects.toThrow('[classify] the outputs are no classes: got [1,1,1], expected [N, C], or [N, 1] for yes or no. Give the last layer as many outputs, or take predict() for numbers.');
    await expect(classes(new Predictor(echo(), { classes: ['a', 'b'] }), [[1, 2, 3]])).rejects.toThrow('[classify] the outputs are no classes: got [1,3], expected [1,2], one for each class, or one for the second of two.');
  });
});

describe('predict', () => {
  const model = nn.sequential([2, 2], nn.flatten(), nn.linear(4, 3));

  it('takes a tensor, a dataset and examples, and one of them', async () => {
    const predictor = new Predictor(model);
    const x = Float32Array.from({ length: 20 }, (_, i) => i / 7);
    const rows = Array.from({ length: 5 }, (_, i) => x.slice(4 * i, 4 * i + 4));
    const expected = await (await predictor.predict(tensor(x, { shape: [5, 2, 2] }))).data();
    expect(await (await predictor.predict(data.fromArrays({ x, y: new Int32Array(5), shape: [2, 2] }), { batchSize: 2 })).data()).toEqual(expected);
    expect(await (await predictor.predict(rows)).data()).toEqual(expected);
    expect(await (await predictor.predict(rows.map((row) => [...row]), { batchSize: 3 })).data()).toEqual(expected);
    expect(await predictor.row(rows[1]!)).toEqual({ outputs: [...expected.slice(3, 6)] });
    const named = new Predictor(model, { classes: ['a', 'b', 'c'] });
    expect(await named.row(rows[1]!)).toEqual((await named.classify(rows))[1]);
    expect(await named.rows(rows)).toEqual(await named.classify(rows, { batchSize: 2 }));
  });

  it('says what is wrong with an example', async () => {
    const predictor = new Predictor(model);
    await expect(predictor.predict([[1, 2, 3, 4], [5, 6, 7, 8]], { batchSize: 0 })).rejects.toThrow('[predict] batchSize: got 0, expected an integer of at least 1.');
    await expect(predictor.predict([])).rejects.toThrow('[predict] the examples: got none, expected at least one.');
    await expect(predictor.row([1, 2, 3])).rejects.toThrow('[predictor.row] example 0: got 3 elements, expected 4 numbers. Give the numbers of one example in one array.');
    await expect(predictor.predict([[1, 2, 3, 4], ['a', 2, 3, 4] as never])).rejects.toThrow('[predict] example 1: got 4 elements, expected 4 numbers.');
    await expect(predictor.row({ age: 5 })).rejects.toThrow('[predictor.row] example 0: got an Object, expected 4 numbers. Rows by columns need a pipeline: new Predictor(model, { pipeline }).');
    await expect(predictor.row(5 as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    await expect(predictor.rows(5 as never)).rejects.toThrow('[predictor.rows] the examples: got 5, expected an array of them.');
    await expect(predictor.predict(tensor([[1, 2, 3]]) as never)).rejects.toMatchObject({ code: 'ANNEAL_SHAPE_MISMATCH' });
    await expect(predictor.predict([[1, 2, 3, 4]], { batchsize: 1 } as never)).rejects.toMatchObject({ code: 'ANNEAL_UNKNOWN_OPTION' });
  });

  it('normalises tensors as data sets do, bytes and floats', async () => {
    const normalize = { mean: [0.5, 0.1], std: [0.25, 2] };
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => 13 * i);
    const pictures = data.fromArrays({ x: bytes, y: new Int32Array(2), shape: [2, 2, 2] });
    const predictor = new Predictor(echo(), { normalize });
    const at = (i: number): number => Math.floor(i / 4) % 2;
    const expected = Array.from(bytes, (byte, i) => (byte / 255 - normalize.mean[at(i)]!) / normalize.std[at(i)]!);
    for (const [i, value] of (await (await predictor.predict(tensor(bytes, { shape: [2, 2, 2, 2] }) as never)).data()).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    const floats = Float32Array.from(bytes, (byte) => byte / 255);
    for (const [i, value] of (await (await predictor.predict(tensor(floats, { shape: [2, 2, 2, 2] }) as never)).data()).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    expect(await (await predictor.predict(pictures as never)).data()).toEqual(Float32Array.from(bytes));
    // One mean: the bits of a data set that is normalised by itself.
    const one = { mean: 0.1307, std: 0.3081 };
    const images = data.fromArrays({ x: bytes, y: new Int32Array(2), shape: [8], normalize: one });
    const own = nn.sequential([8], nn.linear(8, 3));
    expect(await (await new Predictor(own, { normalize: one }).predict(tensor(bytes, { shape: [2, 8] }))).data()).toEqual(await (await new Predictor(own).predict(images)).data());
  });

  it('brings standardised targets of rows back', async () => {
    const rows = [{ size: 10, price: 100 }, { size: 20, price: 300 }, { size: 30, price: 500 }];
    const pipeline = await data.pipeline({ columns: { size: data.columns.standardize() }, target: { price: { kind: 'number', standardize: true } } }).fit(rows);
    const identity = nn.sequential([1], nn.linear(1, 1));
    await identity.loadStateDict({ '0.weight': Float32Array.of(1), '0.bias': Float32Array.of(0) });
    const predictor = new Predictor(identity, { pipeline });
    expect((await predictor.row({ size: 20 })).value).toBeCloseTo(300, 3);
    expect((await predictor.rows([{ size: 10 }, { size: 30 }])).map(({ value }) => Math.round(value))).toEqual([100, 500]);
    // Outputs are outputs.
    expect(round(await (await predictor.predict([{ size: 20 }])).data())).toEqual([0]);
    expect(predictor.kind).toBe('number');
    await expect(new Predictor(nn.sequential([1], nn.linear(1, 2)), { pipeline }).row({ size: 20 })).rejects.toThrow("[predictor.row] the model: got outputs [1,2], expected one number a row, the pipeline's target. Give the last layer one output.");
  });

  it('has several outputs by name', async () => {
    class Two extends nn.Module<[2], { kind: [2]; size: [1] }> {
      readonly kind = nn.linear(2, 2);
      readonly size = nn.linear(2, 1);
      override forward(x: Tensor) {
        return { kind: this.kind.forward(x as never) as Tensor, size: this.size.forward(x as never) as Tensor };
      }
    }
    const predictor = new Predictor(new Two());
    const { kind, size } = await predictor.predict([[1, 2], [3, 4]]);
    expect([kind.shape, size.shape]).toEqual([[2, 2], [2, 1]]);
    await expect(predictor.row([1, 2])).rejects.toThrow('[predictor.row] the model gives a record of outputs: got kind, size, expected one tensor. Take predict().');
    await expect(predictor.classify([[1, 2]])).rejects.toThrow('[classify] the model gives a record of outputs: got kind, size, expected one tensor. Take predict().');
  });

  it('is in evaluation mode while the model trains, and equal to a prediction alone', async () => {
    const trained = nn.sequential([4], nn.linear(4, 16), nn.dropout(0.5), nn.linear(16, 2));
    const predictor = new Predictor(trained);
    const points = data.fromArrays({ x: new Float32Array(400).map((_, i) => Math.sin(i)), y: Int32Array.from({ length: 100 }, (_, i) => i % 2), shape: [4] });
    const trainer = new Trainer(trained, { loss: losses.crossEntropy, optimizer: optim.sgd(trained.parameters(), { lr: 0 }), metrics: [metrics.accuracy()] });
    const alone = await predictor.row([1, 2, 3, 4]);
    const fitting = trainer.fit(points, { epochs: 20, batchSize: 10 });
    for (let i = 0; i < 20; i++) expect(await predictor.row([1, 2, 3, 4])).toEqual(alone);
    const many = await Promise.all(Array.from({ length: 100 }, () => predictor.row([1, 2, 3, 4])));
    for (const one of many) expect(one).toEqual(alone);
    await fitting;
    expect(trained.training).toBe(true);
  });
});

describe('new Predictor', async () => {
  const fitted = await data.pipeline({ columns: { a: data.columns.standardize() } }).fit([{ a: 1 }, { a: 2 }]);
  const priced = await data.pipeline({ columns: { a: data.columns.standardize() }, target: { price: 'number' } }).fit([{ a: 1, price: 1 }, { a: 2, price: 5 }]);
  const model = nn.sequential([2], nn.linear(2, 3));
  it.each<readonly [unknown, object, string]>([
    [5, {}, '[Predictor] the model: got 5, expected a Module, such as nn.sequential(...).'],
    [model, { classes: ['a'] }, "[Predictor] classes: got ['a'], expected names that differ, at least two, as in ['cat', 'dog']."],
    [model, { classes: ['a', 'b', 'a'] }, "[Predictor] classes: got ['a', 'b', 'a'], expected names that differ"],
    [model, { classes: 'abc' }, "[Predictor] classes: got 'abc', expected names that differ"],
    [model, { classes: ['a', 'b'] }, '[Predictor] classes: got 2 for a model of 3 outputs, expected as many, or one output for two classes. Give the last layer as many outputs.'],
    [nn.sequential([2], nn.linear(2, 1)), { classes: ['a', 'b', 'c'] }, '[Predictor] classes: got 3 for a model of 1 output, expected as many, or one output for two classes.'],
    [model, { temperature: 0 }, '[Predictor] temperature: got 0, expected a number above 0.'],
    [model, { temperature: NaN }, '[Predictor] temperature: got NaN'],
    [model, { threshold: 1.5 }, '[Predictor] threshold: got 1.5, expected a probability in [0, 1].'],
    [model, { threshold: 0.5, classes: ['a', 'b', 'c'] }, '[Predictor] threshold: got 0.5, expected none beside 3 classes, of which the greatest is chosen.'],
    [model, { pipeline: {} }, '[Predictor] pipeline: got an Object, expected a fitted data.Pipeline, as data.table() gives it.'],
    [model, { pipeline: data.pipeline({ columns: { a: data.columns.standardize() } }) }, '[Predictor] pipeline: got one that has learned nothing yet, expected a fitted data.Pipeline'],
    [nn.sequential([1], nn.linear(1, 2)), { pipeline: priced, classes: ['a', 'b'] }, "[Predictor] classes: got ['a', 'b'], expected none, as the pipeline's target is a number. Leave them out."],
    [nn.sequential([1], nn.linear(1, 2)), { pipeline: fitted, normalize: { mean: 0, std: 1 } }, '[Predictor] normalize: got it beside pipeline, expected one of them, as it makes all of the inputs. Leave it out.'],
    [model, { pipeline: fitted }, '[Predictor] pipeline: got one that makes inputs [1], expected [2], as the model takes. Pass the one that the model was trained with.'],
    [model, { normalize: { mean: [1, 2], std: [1, 2, 3] } }, '[Predictor] normalize.std: got [1, 2, 3], expected one number, or one for each of the 2 channels.'],
    [model, { normalize: { mean: 0 } }, '[Predictor] normalize.std: got undefined'],
    [model, { images: 'folder' }, "[Predictor] images: got 'folder', expected what data.fromImageFolder() gave, or its transform."],
    [model, { labels: [] }, '[Predictor] unknown option: got labels'],
  ])('number %#', (given, options, text) => {
    expect(() => new Predictor(given as never, options)).toThrow(text);
  });
});
