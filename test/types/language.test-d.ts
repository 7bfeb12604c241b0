import { nn, swiglu, tensor, text, zeros, type Tensor } from 'anneal';
import { expectTypeOf, test } from 'vitest';

test('tokens become vectors', () => {
  const layer = nn.embedding(65, 32);
  expectTypeOf(layer.forward(tensor([[1, 2, 3]], { dtype: 'int32' }))).toEqualTypeOf<Tensor<[1, 3, 32], 'float32'>>();
  // @ts-expect-error [embedding] tokens are int32, got float32
  layer.forward(tensor([[1, 2, 3]]));
  expectTypeOf(nn.sequential([64], layer, nn.linear(32, 65))).toEqualTypeOf<nn.Sequential<[64], [64, 65]>>();
  // @ts-expect-error linear(16, 65) expects 16 features, but the layer before it gives 32
  nn.sequential([64], layer, nn.linear(16, 65));
});

test('a vocabulary that differs between embedding and head is an error in words', () => {
  const { weight } = nn.embedding(65, 32);
  nn.linear(32, 65, { weight });
  nn.linear(32, 65, { bias: false, weight });
  // @ts-expect-error [linear] the shared weight has 65 rows, such as tokens, but the layer gives 64
  nn.linear(32, 64, { weight });
  // @ts-expect-error [linear] the shared weight has 32 features, but the layer takes 16
  nn.linear(16, 65, { weight });
});

test('a context that does not fit is an error in words', () => {
  nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(64, 32));
  nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(1024, 32));
  // @ts-expect-error learnedPositions(63, 32) has 63 positions, but the layer before it gives 64
  nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(63, 32));
  // @ts-expect-error learnedPositions(1024, 32) has 1024 positions, but the layer before it gives 2048
  nn.sequential([2048], nn.embedding(65, 32), nn.learnedPositions(1024, 32));
  // @ts-expect-error learnedPositions(64, 16) expects 16 features, but the layer before it gives 32
  nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(64, 16));
  // @ts-expect-error sinusoidalPositions(16) expects 16 features, but the layer before it gives 32
  nn.sequential([64], nn.embedding(65, 32), nn.sinusoidalPositions(16));
});

test('gates halve the features', () => {
  expectTypeOf(nn.sequential([8], nn.linear(8, 344), nn.swiglu(), nn.linear(172, 8))).toEqualTypeOf<nn.Sequential<[8], [8]>>();
  expectTypeOf(swiglu(zeros([3, 2048]))).toEqualTypeOf<Tensor<[3, 1024], 'float32'>>();
  // @ts-expect-error geglu() expects an even number of features, but the layer before it gives 7
  nn.sequential([8], nn.linear(8, 7), nn.geglu());
  // @ts-expect-error linear(100, 8) expects 100 features, but the layer before it gives 172
  nn.sequential([8], nn.linear(8, 344), nn.glu(), nn.linear(100, 8));
});

test('heads that do not divide the width are an error in words', () => {
  nn.multiheadAttention(128, 4);
  // @ts-expect-error [multiheadAttention] 130 features do not divide into 4 heads
  nn.multiheadAttention(130, 4);
  // @ts-expect-error [transformerEncoderLayer] 128 features do not divide into 3 heads
  nn.transformerEncoderLayer(128, 3);
  // @ts-expect-error [transformerDecoderLayer] 128 features do not divide into 3 heads
  nn.transformerDecoderLayer(128, 3);
});

test('blocks keep the shape of sequences', () => {
  const model = nn.sequential([64], nn.embedding(65, 32), nn.transformerEncoderLayer(32, 4), nn.multiheadAttention(32, 4), nn.linear(32, 65));
  expectTypeOf(model).toEqualTypeOf<nn.Sequential<[64], [64, 65]>>();
  // @ts-expect-error transformerEncoderLayer(16, 4) expects 16 features, but the layer before it gives 32
  nn.sequential([64], nn.embedding(65, 32), nn.transformerEncoderLayer(16, 4));
  // @ts-expect-error multiheadAttention(16, 4) expects 16 features, but the layer before it gives 32
  nn.sequential([64], nn.embedding(65, 32), nn.multiheadAttention(16, 4));
});

test('a source is what the encoder takes', () => {
  class Translating extends nn.Module<{ source: [number]; target: [number] }, [number, number]> {
    readonly tokens = nn.embedding(5, 8);
    readonly head = nn.linear(8, 7);
    encode({ letters }: { letters: Tensor }): { states: Tensor } {
      return { states: this.tokens.forward(letters as Tensor<[number, number], 'int32'>) };
    }
    decode(_tokens: Tensor, { states }: { states: Tensor }): Tensor {
      return this.head.forward(states) as Tensor;
    }
    override forward({ source, target }: { readonly source: Tensor<[number, number]>; readonly target: Tensor<[number, number]> }): Tensor<[number, number, number]> {
      return this.decode(target as Tensor, this.encode({ letters: source as Tensor })) as Tensor<[number, number, number]>;
    }
  }
  const check = (model: Translating, letters: Tensor): void => {
    expectTypeOf(text.beamSearch(model, [0], { source: { letters }, stopTokens: [0] })).toEqualTypeOf<Promise<text.BeamResult[][]>>();
    expectTypeOf(text.generate(model, [0], { source: { letters } })).toEqualTypeOf<text.Generation>();
    // @ts-expect-error encode() takes { letters }
    void text.beamSearch(model, [0], { source: letters, stopTokens: [0] });
    // @ts-expect-error encode() takes { letters }
    void text.generate(model, [0], { source: { words: letters } });
    // @ts-expect-error a chain of layers has no encoder
    void text.generate(nn.sequential([8], nn.embedding(5, 8)), [0], { source: letters });
  };
  expectTypeOf(check).toBeFunction();
});
