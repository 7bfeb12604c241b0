// Layers: values, shapes, what they refuse. Agreement with PyTorch is in test/parity/layers.test.ts.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { ones, tensor, zeros } from '../../src/ops/index.js';
import * as optim from '../../src/optim/index.js';
import { seed } from '../../src/random.js';
import type { Tensor } from '../../src/tensor.js';
import { refuses } from './fails.js';

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

describe('linear', () => {
  test('is x W^T + b over the last dimension', async () => {
    const layer = nn.linear(2, 3);
    await layer.loadStateDict({ weight: Float32Array.of(1, 2, 3, 4, 5, 6), bias: Float32Array.of(10, 20, 30) });
    expect(await values(layer.forward(tensor([[1, 1], [1, -1]])))).toEqual([13, 27, 41, 9, 19, 29]);
    const sequences = layer.forward(zeros([2, 5, 2]));
    expect(sequences.shape).toEqual([2, 5, 3]);
    expect((await values(sequences)).slice(0, 3)).toEqual([10, 20, 30]);
  });

  test('has no bias where none is wanted', async () => {
    const layer = nn.linear(2, 1, { bias: false });
    expect([...layer.namedParameters().keys()]).toEqual(['weight']);
    expect(await values(layer.forward(zeros([1, 2])))).toEqual([0]);
  });

  test('starts within 1 / sqrt(in), spread over both halves', async () => {
    seed(3);
    const layer = nn.linear(64, 100);
    for (const parameter of layer.parameters()) {
      const drawn = await parameter.data();
      expect(drawn.every((value) => value >= -1 / 8 && value < 1 / 8)).toBe(true);
      expect(Math.abs(drawn.reduce((sum, value) => sum + value, 0) / drawn.length)).toBeLessThan(0.03);
      expect(new Set(drawn).size).toBeGreaterThan(0.9 * drawn.length);
    }
  });

  test('refuses what is no size, unknown options and other numbers of features', () => {
    refuses(() => nn.linear(-1, 2), 'ANNEAL_INVALID_ARGUMENT', /inFeatures.*-1/);
    refuses(() => nn.linear(2, 1.5), 'ANNEAL_INVALID_ARGUMENT', /outFeatures.*1\.5/);
    refuses(() => nn.linear(2, 2, { bais: false } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean bias/);
    refuses(() => nn.linear(2, 2).forward(zeros([1, 3]) as never), 'ANNEAL_SHAPE_MISMATCH', /\[1,3\].*\[2,2\]/);
    refuses(() => nn.linear(2, 2).forward(zeros([1, 2], { dtype: 'int32' })), 'ANNEAL_DTYPE_MISMATCH', /int32/);
  });
});

describe('activations', () => {
  const x = [-2, -0.5, 0, 0.5, 2];
  const erf = [-0.9544997361, -0.3829249225, 0, 0.3829249225, 0.9544997361]; // erf(x / sqrt 2)
  const inner = (v: number): number => Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3);
  const expected: Record<string, [nn.Module, (v: number, i: number) => number]> = {
    'relu': [nn.relu(), (v) => Math.max(v, 0)],
    'tanh': [nn.tanh(), Math.tanh],
    'sigmoid': [nn.sigmoid(), (v) => 1 / (1 + Math.exp(-v))],
    'gelu': [nn.gelu(), (v, i) => (v * (1 + erf[i]!)) / 2],
    'leakyRelu': [nn.leakyRelu({ negativeSlope: 0.1 }), (v) => Math.max(v, 0.1 * v)],
    'elu': [nn.elu({ alpha: 0.5 }), (v) => (v > 0 ? v : 0.5 * Math.expm1(v))],
    'silu': [nn.silu(), (v) => v / (1 + Math.exp(-v))],
    'softplus': [nn.softplus(), (v) => Math.log1p(Math.exp(v))],
    'softmax': [nn.softmax(), (v) => Math.exp(v) / x.reduce((total, other) => total + Math.exp(other), 0)],
    'logSoftmax': [nn.logSoftmax(), (v) => v - Math.log(x.reduce((total, other) => total + Math.exp(other), 0))],
    'gelu by tanh': [nn.gelu({ approximate: 'tanh' }), (v) => (v * (1 + Math.tanh(inner(v)))) / 2],
  };

  test.each(Object.keys(expected))('%s', async (name) => {
    const [layer, f] = expected[name]!;
    const got = await values(layer.forward(tensor([x])));
    got.forEach((value, i) => expect(value).toBeCloseTo(f(x[i]!, i), 6));
    expect(layer.parameters()).toEqual([]);
  });

  test('refuse options that they do not have', () => {
    refuses(() => nn.leakyRelu({ slope: 0.1 } as never), 'ANNEAL_UNKNOWN_OPTION', /negativeSlope/);
    refuses(() => nn.elu({ beta: 0.1 } as never), 'ANNEAL_UNKNOWN_OPTION', /alpha/);
  });

  test('gelu refuses approximations that it does not know', () => {
    refuses(() => nn.gelu({ approximate: 'tan' as never }), 'ANNEAL_INVALID_ARGUMENT', /Did you mean 'tanh'/);
    refuses(() => nn.gelu({ approx: 'tanh' } as never), 'ANNEAL_UNKNOWN_OPTION', /approximate/);
  });
});

describe('dropout', () => {
  test('keeps a share of 1 - p, divided by it', async () => {
    seed(5);
    const got = await values(nn.dropout(0.25).forward(ones([100, 100])));
    const kept = got.filter((value) => value !== 0);
    expect(kept.every((value) => value === Math.fround(1 / 0.75))).toBe(true);
    expect(Math.abs(kept.length / got.length - 0.75)).toBeLessThan(0.02);
  });

  test('draws anew on every call, and the same again under the same seed', async () => {
    const draw = async (): Promise<number[][]> => {
      seed(5);
      const layer = nn.dropout(0.5);
      return [await values(layer.forward(ones([64]))), await values(layer.forward(ones([64])))];
    };
    const [first, second] = await draw();
    expect(first).not.toEqual(second);
    expect(await draw()).toEqual([first, second]);
  });

  test('differs by its place in the model, and is not moved by evaluation or other layers', async () => {
    const model = (): nn.Module => nn.sequential([64], [nn.dropout(0.5), nn.dropout(0.5)]);
    seed(5);
    const first = await values(model().children()[1]!.forward(ones([1, 64])));
    seed(5);
    const other = model();
    other.eval().forward(ones([1, 64]));
    other.train();
    expect(await values(other.children()[0]!.forward(ones([1, 64])))).not.toEqual(first);
    expect(await values(other.children()[1]!.forward(ones([1, 64])))).toEqual(first);
  });

  test('is the identity in evaluation and for p = 0', () => {
    const x = ones([4, 4]);
    expect(nn.dropout(0.5).eval().forward(x)).toBe(x);
    expect(nn.dropout(0).forward(x)).toBe(x);
  });

  test('passes gradients through what it kept, with the same mask', async () => {
    seed(5);
    const layer = nn.linear(1, 64, { bias: false });
    await layer.loadStateDict({ weight: new Float32Array(64).fill(1) });
    const out = nn.dropout(0.5).forward(layer.forward(ones([1, 1]))).keep();
    out.sum().backward();
    const gradient = layer.weight.grad!.keep();
    await optim.sgd(layer.parameters(), { lr: 1 }).step();
    expect(await values(gradient as Tensor)).toEqual(await values(out));
    expect(await values(layer.weight as Tensor)).toEqual((await values(out)).map((value) => 1 - value));
  });

  test.each([-0.1, 1.1, Number.NaN, '0.5'])('refuses p = %s', (p) => {
    refuses(() => nn.dropout(p as number), 'ANNEAL_INVALID_ARGUMENT', /probability/);
  });
});

describe('dropout2d', () => {
  test('drops whole channels of each image', async () => {
    seed(5);
    const got = await values(nn.dropout2d(0.25).forward(ones([40, 50, 2, 3])));
    const channels = Array.from({ length: 2000 }, (_, i) => got.slice(6 * i, 6 * i + 6));
    expect(channels.every((channel) => channel.every((value) => value === channel[0]))).toBe(true);
    const kept = channels.filter(([value]) => value !== 0);
    expect(kept.every(([value]) => value === Math.fround(1 / 0.75))).toBe(true);
    expect(Math.abs(kept.length / channels.length - 0.75)).toBeLessThan(0.03);
  });

  test('is the identity in evaluation, and 0 for p = 1', async () => {
    const x = ones([2, 3, 2, 2]) as Tensor;
    expect(nn.dropout2d().eval().forward(x)).toBe(x);
    expect(await values(nn.dropout2d(1).forward(x))).toEqual(Array.from({ length: 24 }, () => 0));
  });

  test('has forms for sequences and volumes', () => {
    expect(nn.dropout1d(0.5).forward(ones([2, 3, 4])).shape).toEqual([2, 3, 4]);
    expect(nn.dropout3d(0.5).forward(ones([0, 3, 2, 2, 2])).shape).toEqual([0, 3, 2, 2, 2]);
    expect(String(nn.sequential([3, 4], nn.dropout1d(), nn.dropout1d(0.1)))).toBe('sequential([3,4], dropout1d(0.5), dropout1d(0.1))');
  });

  test('refuses what has no channels', () => {
    refuses(() => nn.dropout2d(1.5), 'ANNEAL_INVALID_ARGUMENT', /\[dropout2d\] p: got 1.5/);
    refuses(() => nn.dropout2d().eval().forward(ones([3, 4, 4])), 'ANNEAL_SHAPE_MISMATCH', /\[dropout2d\] the shape does not fit: got x \[3,4,4\], expected \[N,C,H,W\]\. .*unsqueeze\(0\)/);
    refuses(() => nn.sequential([28, 28], [nn.dropout2d() as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: dropout2d expects images \[C,H,W\], but the input has \[28,28\]/);
  });
});

describe('identity', () => {
  test('passes on what it is given', () => {
    const x = ones([2, 3]) as Tensor;
    expect(nn.identity().forward(x)).toBe(x);
    const model = nn.sequential([3], nn.identity(), nn.linear(3, 2));
    expect(String(model)).toBe('sequential([3], identity(), linear(3, 2))');
    expect(model.builtin).toBe(true);
  });
});

describe('unflatten', () => {
  test('makes one dimension several', async () => {
    const x = tensor([[1, 2, 3, 4, 5, 6]]);
    expect(nn.unflatten(1, [2, 3]).forward(x).shape).toEqual([1, 2, 3]);
    expect(nn.unflatten(-1, [3, -1, 1]).forward(x).shape).toEqual([1, 3, 2, 1]);
    expect(await values(nn.unflatten(1, [2, 3]).forward(x))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(nn.sequential([6, 5], nn.unflatten(1, [3, -1]), nn.identity()).output).toEqual([3, 2, 5]);
    expect(String(nn.unflatten(1, [2, 3]))).toBe('unflatten(1, [2,3])');
    expect(zeros([0, 4]).unflatten(1, [2, 2]).shape).toEqual([0, 2, 2]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['sizes of another number of elements', () => zeros([2, 6]).unflatten(1, [4, 2]), 'ANNEAL_SHAPE_MISMATCH', /\[unflatten\] the number of elements differs: got \[6\] \(6 elements\), .* not \[4,2\]/],
    ['two sizes that are open', () => zeros([2, 6]).unflatten(1, [-1, -1]), 'ANNEAL_SHAPE_MISMATCH', /\[unflatten\] the number of elements differs/],
    ['a size that leaves a remainder', () => zeros([2, 6]).unflatten(1, [4, -1]), 'ANNEAL_SHAPE_MISMATCH', /\[unflatten\] the number of elements differs/],
    ['an axis that is not there', () => zeros([2, 6]).unflatten(2, [6]), 'ANNEAL_INVALID_ARGUMENT', /\[unflatten\] the axis is out of range: got 2/],
    ['sizes that are none', () => nn.unflatten(1, 6 as never), 'ANNEAL_INVALID_ARGUMENT', /\[unflatten\] the shape is not an array: got 6/],
    ['half an axis', () => nn.unflatten(0.5, [1]), 'ANNEAL_INVALID_ARGUMENT', /\[unflatten\] axis: got 0.5/],
    ['a chain that does not fit', () => nn.sequential([6], [nn.unflatten(1, [4, 2]) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: unflatten\(1, \[4,2\]\) expects 8 elements, but the input has 6/],
    ['a chain that leaves a remainder', () => nn.sequential([6], [nn.unflatten(1, [4, -1]) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /expects a multiple of 4 elements, but the input has 6/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('flatten', () => {
  test('makes all dimensions but the batch one', async () => {
    const x = tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]);
    const flat = nn.flatten().forward(x);
    expect(flat.shape).toEqual([2, 4]);
    expect(await values(flat)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
