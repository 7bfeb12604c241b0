import { nn, recompute, tensor, zeros, type Tensor } from 'anneal';
import { expectTypeOf, test } from 'vitest';

test('a layer that is computed again fits where the layer fits', () => {
  const model = nn.sequential([784], nn.recompute(nn.linear(784, 256)), nn.relu(), nn.recompute(nn.sequential([256], nn.linear(256, 10))));
  expectTypeOf(model).toEqualTypeOf<nn.Sequential<[784], [10]>>();
  // @ts-expect-error linear(100, 10) expects 100 features, but the layer before it gives 256
  nn.sequential([784], nn.linear(784, 256), nn.recompute(nn.linear(100, 10)));
  expectTypeOf(nn.recompute(nn.transformerEncoderLayer(8, 2))).toExtend<nn.Module>();
  // @ts-expect-error a function is no layer
  nn.recompute((x: Tensor) => x);
});

test('recompute() gives what the function gives, of the inputs that it takes', () => {
  const x = zeros([2, 3]);
  expectTypeOf(recompute((a) => a.tanh(), x)).toEqualTypeOf<Tensor<[2, 3], 'float32'>>();
  expectTypeOf(recompute(() => [x, 1] as const)).toEqualTypeOf<readonly [Tensor<[2, 3], 'float32'>, 1]>();
  expectTypeOf(recompute(nn.linear(3, 4), x)).toExtend<Tensor>();
  // @ts-expect-error the function takes two
  recompute((a: Tensor, b: Tensor) => a.add(b), x);
  // @ts-expect-error a number is no tensor
  recompute(nn.sequential([3], nn.relu()), 1);
  // @ts-expect-error a tensor is no function
  recompute(tensor([1]));
});

test('stacks take the option with or without a norm', () => {
  nn.transformerEncoder(nn.transformerEncoderLayer(8, 2), 2, { recompute: true });
  nn.transformerDecoder(nn.transformerDecoderLayer(8, 2), 2, nn.layerNorm(8), { recompute: true });
  // @ts-expect-error it is called recompute
  nn.transformerEncoder(nn.transformerEncoderLayer(8, 2), 2, { checkpoint: true });
});
