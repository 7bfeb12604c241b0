// Chains of layers: what they compute, and what is said, when and where, about layers that do not fit.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import { ShapeError } from '../../src/errors.js';
import * as nn from '../../src/nn/index.js';
import { tensor, zeros } from '../../src/ops/index.js';
import type { Tensor } from '../../src/tensor.js';
import { refuses } from './fails.js';

const size = (value: number): number => value;

describe('sequential', () => {
  test('applies its layers in order, given one by one or as an array', async () => {
    const layers = [nn.linear(2, 2), nn.relu(), nn.linear(2, 1)];
    const state = { '0.weight': [1, 0, 0, 1], '0.bias': [0, -1], '2.weight': [1, 10], '2.bias': [100] };
    for (const model of [nn.sequential([2], ...layers), nn.sequential([2], layers)]) {
      await model.loadStateDict(Object.fromEntries(Object.entries(state).map(([name, array]) => [name, Float32Array.from(array)])));
      expect([...(await model.forward(tensor([[3, 3], [-3, 0]])).data())]).toEqual([123, 100]);
    }
  });

  test('without layers gives back its input', () => {
    const x = zeros([2, 3]);
    expect(nn.sequential([3]).forward(x)).toBe(x);
  });

  test('says while it is built which layer does not fit', () => {
    refuses(
      () => nn.sequential([784], nn.linear(784, 128), nn.relu(), nn.linear(size(64), 10)),
      'ANNEAL_SHAPE_MISMATCH',
      /layer 2: linear\(64, 10\) expects 64 features, but the layer before it gives 128/,
    );
    refuses(() => nn.sequential([28], [nn.linear(784, 10)]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: linear\(784, 10\) expects 784 features, but the input has 28/);
    refuses(() => nn.sequential([1, 28, 28], nn.flatten(), nn.linear(size(28), 10)), 'ANNEAL_SHAPE_MISMATCH', /layer 1: .*expects 28 features, but the layer before it gives 784/);
    const inner = nn.sequential([5], nn.linear(5, 3));
    refuses(() => nn.sequential([4], [nn.linear(4, 6), inner]), 'ANNEAL_SHAPE_MISMATCH', /layer 1: .*expects \[5\], but the layer before it gives \[6\]/);
    refuses(() => nn.sequential([5], [inner, nn.linear(4, 1)]), 'ANNEAL_SHAPE_MISMATCH', /layer 1: .*expects 4 features, but the layer before it gives 3/);
  });

  test('leaves what it cannot know to the call, whose message names the layer', () => {
    class Wide extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.reshape([-1, 7]);
      }
    }
    const model = nn.sequential([2, 7], new Wide(), nn.sequential([7], nn.linear(7, 5)), new Wide(), nn.linear(6, 1));
    refuses(() => model.forward(zeros([7, 2, 7])), 'ANNEAL_SHAPE_MISMATCH', /layer 3.*linear\(6, 1\)/);
  });

  test('checks the shape of its input', () => {
    const model = nn.sequential([784], nn.linear(784, 10));
    refuses(() => model.forward(zeros([32, 64]) as never), 'ANNEAL_SHAPE_MISMATCH', /got \[32,64\], expected \[batch,784\]/);
    refuses(() => model.forward(zeros([784]) as never), 'ANNEAL_SHAPE_MISMATCH', /unsqueeze/);
    const outer = nn.sequential([3], nn.linear(3, 4), nn.sequential([size(4)], nn.relu()));
    expect(outer.forward(zeros([0, 3])).shape).toEqual([0, 4]);
    expect(() => model.forward(zeros([2, 28, 28]) as never)).toThrow(ShapeError);
  });

  test('refuses what is no layer, and no shape', () => {
    refuses(() => nn.sequential([2], nn.relu as never), 'ANNEAL_INVALID_ARGUMENT', /layer 0 .*the function relu.*nn\.relu\(\)/);
    refuses(() => nn.sequential(nn.linear(2, 2) as unknown as [2], nn.relu()), 'ANNEAL_INVALID_ARGUMENT', /shape of one example/);
    refuses(() => nn.sequential([2.5], nn.relu()), 'ANNEAL_INVALID_ARGUMENT', /2\.5/);
  });

  test('shows itself', () => {
    expect(String(nn.sequential([4], nn.flatten(), nn.linear(4, 2), nn.dropout(0.5)))).toBe('sequential([4], flatten(), linear(4, 2), dropout(0.5))');
  });
});
