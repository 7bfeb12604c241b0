import { describe, expectTypeOf, it } from 'vitest';
import { add, data, losses, metrics, nn, optim, Trainer, type Tensor } from 'anneal';

const tokens = new Int32Array(640);
const lengths = new Int32Array(10);

describe('a record of inputs', () => {
  it('has the shapes and dtypes of its fields', () => {
    const texts = data.fromArrays({ x: { tokens, lengths }, y: new Int32Array(10), shape: { tokens: [64], lengths: [] } });
    expectTypeOf(texts).toEqualTypeOf<data.Dataset<{ tokens: [64]; lengths: [] }, [], 'int32', { readonly tokens: 'int32'; readonly lengths: 'int32' }>>();
    const [inputs] = [...data.loader(texts)][0]!;
    expectTypeOf(inputs.tokens).toEqualTypeOf<Tensor<[number, 64], 'int32'>>();
    expectTypeOf(inputs.lengths).toEqualTypeOf<Tensor<[number], 'int32'>>();
    const floats = data.fromArrays({ x: { tokens, lengths }, y: [0], shape: { tokens: [64], lengths: [] }, dtype: { lengths: 'float32' } });
    expectTypeOf(floats.dtype).toEqualTypeOf<{ readonly tokens: 'int32'; readonly lengths: 'float32' }>();
    const two = data.fromArrays({ x: { tokens }, y: { kind: lengths, price: [1, 2] }, shape: { tokens: [64] }, targetShape: { kind: [], price: [1] } });
    const [, targets] = [...data.loader(two)][0]!;
    expectTypeOf(targets).toEqualTypeOf<{ readonly kind: Tensor<[number], 'int32'>; readonly price: Tensor<[number, 1], 'float32'> }>();
  });

  it('may have a field that texts have, too', () => {
    expectTypeOf<nn.Inputs<{ length: []; match: [3] }>>().toEqualTypeOf<{ readonly length: Tensor<[number]>; readonly match: Tensor<[number, 3]> }>();
  });

  it('may be one array of int32', () => {
    expectTypeOf(data.fromArrays({ x: tokens, y: lengths, shape: [64] })).toEqualTypeOf<data.Dataset<[64], [], 'int32', 'int32'>>();
    expectTypeOf(data.fromArrays({ x: [[1], [2]], y: lengths, shape: [1], dtype: 'int32' })).toEqualTypeOf<data.Dataset<[1], [], 'int32', 'int32'>>();
    expectTypeOf(data.fromArrays({ x: tokens, y: lengths, shape: [64], dtype: 'float32' })).toEqualTypeOf<data.Dataset<[64], [], 'int32'>>();
  });

  it('has an array for each shape', () => {
    // @ts-expect-error Property 'lengths' is missing
    data.fromArrays({ x: { tokens }, y: lengths, shape: { tokens: [64], lengths: [] } });
    // @ts-expect-error there is no such dtype
    data.fromArrays({ x: { tokens }, y: lengths, shape: { tokens: [64] }, dtype: { tokens: 'int64' } });
    // @ts-expect-error one array has one shape
    data.fromArrays({ x: tokens, y: lengths, shape: { tokens: [64] } });
  });
});

class Classifier extends nn.Module<{ tokens: [64]; lengths: [] }, [10]> {
  readonly head = nn.linear(64, 10);
  override forward({ tokens, lengths }: nn.Inputs<{ tokens: [64]; lengths: [] }>): Tensor {
    expectTypeOf(lengths.shape).toEqualTypeOf<[number]>();
    return this.head.forward(tokens.cast('float32'));
  }
}

class TwoHeads extends nn.Module<{ tokens: [64]; lengths: [] }, { kind: [10]; price: [1] }> {
  readonly kind = nn.linear(64, 10);
  readonly price = nn.linear(64, 1);
  override forward({ tokens }: { tokens: Tensor }): { kind: Tensor; price: Tensor } {
    const x = tokens.cast('float32');
    return { kind: this.kind.forward(x), price: this.price.forward(x) };
  }
}

const y = new Int32Array(10);
const texts = data.fromArrays({ x: { tokens, lengths }, y, shape: { tokens: [64], lengths: [] } });

describe('a stream of records', () => {
  const rows = [{ x: { tokens, lengths: 3 }, y: 1 }];
  it('has the shapes and dtypes that its options say', async () => {
    const stream = data.fromIterable(rows, { shape: { tokens: [64], lengths: [] }, dtype: { tokens: 'int32' } });
    expectTypeOf(stream).toEqualTypeOf<data.Stream<{ tokens: [64]; lengths: [] }, [], 'int32', { readonly tokens: 'int32'; readonly lengths: 'float32' }>>();
    for await (const [inputs] of data.loader(stream)) {
      expectTypeOf(inputs.tokens).toEqualTypeOf<Tensor<[number, 64], 'int32'>>();
      expectTypeOf(inputs.lengths).toEqualTypeOf<Tensor<[number], 'float32'>>();
    }
    const several = data.fromIterable([{ x: 1, y: { kind: 1, price: [2] } }], { shape: [], targetShape: { kind: [], price: [1] }, targetDtype: { kind: 'int32' } });
    expectTypeOf(several).toEqualTypeOf<data.Stream<[], { kind: []; price: [1] }, { readonly kind: 'int32'; readonly price: 'float32' }>>();
    expectTypeOf(data.fromIterable([{ x: tokens, y: 1 }], { shape: [64], dtype: 'int32' })).toEqualTypeOf<data.Stream<[64], [], 'int32', 'int32'>>();
  });

  it('has items that fit', () => {
    // @ts-expect-error the field lengths is missing
    data.fromIterable([{ x: { tokens }, y: 1 }], { shape: { tokens: [64], lengths: [] } });
    // @ts-expect-error the shape is of one array
    data.fromIterable(rows, { shape: [64] });
    // @ts-expect-error one array of float targets is float32
    data.fromIterable([{ x: 1, y: 1 }], { shape: [], targetShape: [], targetDtype: 'int32' });
  });
});

describe('a model of several inputs', () => {
  const model = new Classifier();
  const optimizer = optim.adam(model.parameters());
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });

  it('takes data with its fields', async () => {
    const history = await trainer.fit(texts, { validation: texts, classWeights: 'balanced', shuffle: true });
    expectTypeOf(history[0]!.accuracy).toEqualTypeOf<number>();
    await trainer.evaluate(data.loader(texts, { batchSize: 2 }));
    await trainer.fit(data.fromIterable([{ x: { tokens, lengths: 3 }, y: 1 }], { shape: { tokens: [64], lengths: [] } }));
    expectTypeOf(await trainer.predict(texts)).toEqualTypeOf<Tensor<[number, 10], 'float32'>>();
    const [inputs] = [...data.loader(texts)][0]!;
    await trainer.predict(inputs);
    nn.summary(model, { tokens: [64], lengths: [] }, { dtype: { tokens: 'int32' } });
    const plain: nn.AnyModule = model;
    void plain;
  });

  it('takes no other data', async () => {
    // @ts-expect-error the model takes the field lengths, which the data does not have
    await trainer.fit(data.fromArrays({ x: { tokens }, y, shape: { tokens: [64] } }));
    // @ts-expect-error field tokens: the model takes examples of [64], but the data's are of [32]
    await trainer.fit(data.fromArrays({ x: { tokens, lengths }, y, shape: { tokens: [32], lengths: [] } }));
    // @ts-expect-error the data has the field words, which the model does not take
    await trainer.evaluate(data.fromArrays({ x: { tokens, lengths, words: tokens }, y, shape: { tokens: [64], lengths: [], words: [64] } }));
    // @ts-expect-error the model takes the field lengths, which the data does not have
    await trainer.fit(data.fromIterable([{ x: { tokens }, y: 1 }], { shape: { tokens: [64] } }));
    // @ts-expect-error the model takes the fields tokens and lengths, but the data has one array of inputs
    await trainer.fit(data.fromArrays({ x: tokens, y, shape: [64] }));
    // @ts-expect-error the model takes one input, but the data has fields
    await new Trainer(nn.sequential([64], nn.linear(64, 10)), { loss: losses.crossEntropy, optimizer }).fit(texts);
    // @ts-expect-error a record lacks lengths
    await trainer.predict({ tokens: {} as Tensor<[5, 64]> });
  });
});

describe('a model of several outputs', () => {
  const model = new TwoHeads();
  const optimizer = optim.adam(model.parameters());
  const priced = data.fromArrays({ x: { tokens, lengths }, y: { kind: y, price: new Float32Array(10) }, shape: { tokens: [64], lengths: [] }, targetShape: { kind: [], price: [1] } });

  it('has a loss of its record', async () => {
    const trainer = new Trainer(model, {
      loss: (outputs, targets: { kind: Tensor; price: Tensor }) => add(losses.crossEntropy(outputs.kind, targets.kind), losses.meanSquaredError(outputs.price, targets.price)),
      optimizer,
      metrics: [metrics.ofField('kind', metrics.accuracy())],
    });
    await trainer.fit(priced);
    expectTypeOf((await trainer.evaluate(priced)).kindAccuracy).toEqualTypeOf<number>();
    expectTypeOf((await trainer.predict(priced)).price).toEqualTypeOf<Tensor<[number, 1], 'float32'>>();
  });

  it('has no loss of one output', () => {
    // @ts-expect-error the outputs are a record
    new Trainer(model, { loss: losses.crossEntropy, optimizer });
    // @ts-expect-error there is no such output
    new Trainer(model, { loss: (outputs, targets: { kind: Tensor }) => losses.crossEntropy(outputs.sort, targets.kind), optimizer });
  });

  it('may have a loss that takes one array of targets only where there is one', async () => {
    const trainer = new Trainer(new Classifier(), { loss: losses.crossEntropy, optimizer });
    // @ts-expect-error the loss takes one array of targets, but the data has several
    await trainer.fit(priced);
  });
});
