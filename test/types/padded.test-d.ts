import { describe, expectTypeOf, it } from 'vitest';
import { data, losses, nn, optim, Trainer, type Tensor } from 'anneal';

const tokens: Int32Array[] = [];
const frames: Float32Array[] = [];
const y: number[] = [];

describe('padded sequences', () => {
  it('are values and lengths', () => {
    expectTypeOf(data.padded({ x: tokens, y })).toEqualTypeOf<data.Dataset<{ values: [number]; lengths: [] }, [], 'int32', { readonly values: 'int32'; readonly lengths: 'int32' }>>();
    expectTypeOf(data.padded({ x: [[1], [2, 3]], y, buckets: [2, 4], classes: 2 }).dtype).toEqualTypeOf<{ readonly values: 'float32'; readonly lengths: 'int32' }>();
    expectTypeOf(data.padded({ x: [[1], [2, 3]], y, dtype: 'int32' }).dtype.values).toEqualTypeOf<'int32'>();
    const [inputs, labels] = [...data.loader(data.padded({ x: frames, y, shape: [null, 13] }))][0]!;
    expectTypeOf(inputs.values).toEqualTypeOf<Tensor<[number, number, 13], 'float32'>>();
    expectTypeOf(inputs.lengths).toEqualTypeOf<Tensor<[number], 'int32'>>();
    expectTypeOf(labels).toEqualTypeOf<Tensor<[number], 'int32'>>();
  });

  it('have the names of a record', () => {
    const one = data.padded({ x: { tokens, age: [1, 2] }, y, shape: { tokens: [null], age: [] } });
    expectTypeOf(one.shape).toEqualTypeOf<{ tokens: [number]; age: []; lengths: [] }>();
    expectTypeOf(one.dtype).toEqualTypeOf<{ readonly tokens: 'int32'; readonly age: 'float32'; readonly lengths: 'int32' }>();
    const two = data.padded({ x: { source: tokens, target: frames }, y, shape: { source: [null], target: [null, 2] }, dtype: { target: 'int32' } });
    expectTypeOf(two.shape).toEqualTypeOf<{ source: [number]; target: [number, 2]; sourceLengths: []; targetLengths: [] }>();
    expectTypeOf(two.dtype.target).toEqualTypeOf<'int32'>();
  });

  it('may be targets', () => {
    const tagged = data.padded({ x: tokens, y: tokens, targetShape: [null] });
    expectTypeOf([...data.loader(tagged)][0]![1]).toEqualTypeOf<Tensor<[number, number], 'int32'>>();
    expectTypeOf(data.padded({ x: tokens, y: frames, targetShape: [null, 2] }).targetDtype).toEqualTypeOf<'float32'>();
    expectTypeOf(data.padded({ x: tokens, y: [1, 2], targetShape: [] })).toExtend<data.Dataset<{ values: [number]; lengths: [] }, [], 'float32'>>();
    const heard = data.padded({ x: frames, y: { text: tokens }, shape: [null, 13], targetShape: { text: [null] } });
    expectTypeOf(heard.targetShape).toEqualTypeOf<{ text: [number]; lengths: [] }>();
    expectTypeOf(heard.targetDtype).toEqualTypeOf<{ readonly text: 'int32'; readonly lengths: 'int32' }>();
  });

  it('are lists of arrays', () => {
    // @ts-expect-error one array is no list of sequences
    data.padded({ x: new Float32Array(8), y });
    // @ts-expect-error the field age is missing
    data.padded({ x: { tokens }, y, shape: { tokens: [null], age: [] } });
    // @ts-expect-error buckets are lengths
    data.padded({ x: tokens, y, buckets: 16 });
    // @ts-expect-error class indices are not padded
    data.padded({ x: tokens, y, targetPadding: -100 });
    // @ts-expect-error arrays of one shape have no null
    data.fromArrays({ x: tokens, y, shape: [null] });
  });
});

class Reader extends nn.Module<{ tokens: [number]; lengths: [] }, [2]> {
  readonly head = nn.linear(1, 2);
  override forward({ tokens: words, lengths }: nn.Inputs<{ tokens: [number]; lengths: [] }>): Tensor {
    expectTypeOf(words.shape).toEqualTypeOf<[number, number]>();
    return this.head.forward(lengths.cast('float32').reshape([-1, 1]));
  }
}

describe('a model of sequences', () => {
  const model = new Reader();
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });

  it('takes data that is padded', async () => {
    await trainer.fit(data.padded({ x: { tokens }, y, shape: { tokens: [null] } }));
    expectTypeOf(await trainer.predict(data.padded({ x: { tokens }, y, shape: { tokens: [null] } }))).toEqualTypeOf<Tensor<[number, 2], 'float32'>>();
    // @ts-expect-error the model takes the field tokens, which the data does not have
    await trainer.fit(data.padded({ x: tokens, y }));
    // @ts-expect-error field tokens: the model takes examples of [number], but the data's are of [number,3]
    await trainer.fit(data.padded({ x: { tokens }, y, shape: { tokens: [null, 3] } }));
  });
});
