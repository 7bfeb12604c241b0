// Modules: what is found in them, under which names, and how their state comes out and goes in.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { full, zeros } from '../../src/ops/index.js';
import * as optim from '../../src/optim/index.js';
import { seed } from '../../src/random.js';
import type { Tensor } from '../../src/tensor.js';
import { Parameter } from '../../src/parameter.js';
import { fails } from './fails.js';

const constant = (value: number, shape = [2], options = {}): Parameter => new Parameter(shape, () => full(shape, value), options);

class Leaf extends nn.Module {
  readonly weight: Parameter;

  constructor(value = 1) {
    super();
    this.weight = constant(value);
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** Modules in fields, arrays and arrays in arrays; a buffer; and fields that are none of a model's business. */
class Tree extends nn.Module {
  readonly first = new Leaf();
  readonly list = [new Leaf(), [new Leaf(), constant(4)]] as const;
  readonly scale = constant(5);
  readonly running = constant(6, [2], { requiresGrad: false });
  readonly title = 'tree';
  readonly nothing = undefined;
  readonly #secret = new Leaf();

  override forward(x: Tensor): Tensor {
    return this.#secret.forward(x);
  }
}

beforeEach(() => seed(1));
afterEach(() => seed(0));

describe('what a module consists of', () => {
  test('is found in its own enumerable fields and in arrays, in their order, named by path', () => {
    const tree = new Tree();
    expect([...tree.namedParameters().keys()]).toEqual(['first.weight', 'list.0.weight', 'list.1.0.weight', 'list.1.1', 'scale']);
    expect(tree.parameters().map(({ name }) => name)).toEqual(['first.weight', 'list.0.weight', 'list.1.0.weight', 'list.1.1', 'scale']);
    expect([...tree.namedBuffers().keys()]).toEqual(['running']);
    expect(tree.buffers()).toEqual([tree.running]);
    expect(tree.children()).toEqual([tree.first, tree.list[0], tree.list[1][0]]);
    expect(tree.modules()).toEqual([tree, tree.first, tree.list[0], tree.list[1][0]]);
  });

  test('a tied weight is one parameter, under its first path', () => {
    const [a, b] = [nn.linear(3, 3), nn.linear(3, 3)];
    Object.assign(b, { weight: a.weight });
    const model = nn.sequential([3], a, b);
    expect([...model.namedParameters().keys()]).toEqual(['0.weight', '0.bias', '1.bias']);
    expect(() => optim.sgd(model.parameters(), { lr: 0.1 })).not.toThrow();
  });

  test('a module that holds itself ends', () => {
    const leaf = new Leaf();
    Object.assign(leaf, { self: leaf });
    expect(leaf.parameters()).toEqual([leaf.weight]);
  });

  test('parameters of a sequential have names from the start, and those of the outermost model once it is asked', () => {
    const inner = nn.sequential([3], nn.linear(3, 3), nn.relu());
    const [weight] = inner.parameters();
    expect(weight!.name).toBe('0.weight');
    const outer = nn.sequential([3], nn.relu(), inner);
    expect(weight!.name).toBe('1.0.weight');
    inner.parameters();
    expect(weight!.name, 'a part does not rename').toBe('1.0.weight');
    expect([...inner.namedParameters().keys()], 'paths are relative').toEqual(['0.weight', '0.bias']);
    expect(outer.parameters()[0]).toBe(weight);
  });
});

describe('training and evaluation', () => {
  test('reach every module', () => {
    const tree = new Tree();
    expect(tree.training).toBe(true);
    expect(tree.eval()).toBe(tree);
    expect(tree.modules().map(({ training }) => training)).toEqual([false, false, false, false]);
    expect(tree.train().modules().every(({ training }) => training)).toBe(true);
  });
});

describe('builtin', () => {
  test('holds for layers of this library only, and for chains of nothing else', () => {
    expect(nn.linear(2, 2).builtin).toBe(true);
    expect(nn.sequential([2], nn.linear(2, 2), nn.relu(), nn.dropout(0.5), nn.flatten(), nn.gelu()).builtin).toBe(true);
    expect(new Leaf().builtin).toBe(false);
    expect(nn.sequential([2], nn.linear(2, 2), new Leaf()).builtin).toBe(false);
    expect(nn.sequential([2], nn.sequential([2], new Leaf())).builtin).toBe(false);
  });
});

describe('state', () => {
  const values = async (model: nn.Module): Promise<number[][]> =>
    Promise.all([...model.parameters(), ...model.buffers()].map(async (tensor) => [...(await tensor.data())]));

  test('goes from one model to another, buffers too', async () => {
    const [from, to] = [new Tree(), new Tree()];
    await to.loadStateDict({ ...Object.fromEntries(from.stateDict()), scale: { shape: [2], dtype: 'float32', data: Float32Array.of(8, 9) } });
    expect((await values(to)).at(-2)).toEqual([8, 9]);
    expect([...from.stateDict().keys()]).toEqual(['first.weight', 'list.0.weight', 'list.1.0.weight', 'list.1.1', 'scale', 'running']);
    await from.loadStateDict(to.stateDict());
    expect(await values(from)).toEqual(await values(to));
  });

  test('is copied when it is handed over', async () => {
    const leaf = new Leaf();
    const array = Float32Array.of(3, 4);
    await leaf.loadStateDict({ weight: array });
    array[0] = 99;
    expect([...(await leaf.weight.data())]).toEqual([3, 4]);
  });

  test('that lacks something, or has too much, says what, and changes nothing', async () => {
    const model = nn.sequential([2], nn.linear(2, 2));
    const before = await values(model);
    const weight = new Float32Array(4);
    await fails(model.loadStateDict({ '0.weight': weight }), 'ANNEAL_STATE_MISMATCH', /'0\.bias'/);
    await fails(model.loadStateDict({ '0.weight': weight, '0.bias': weight.slice(2), '0.bais': weight }), 'ANNEAL_STATE_MISMATCH', /'0\.bais'.*did you mean '0\.bias'/i);
    await fails(model.loadStateDict({ '0.weight': weight, '0.bias': weight }), 'ANNEAL_STATE_MISMATCH', /'0\.bias'.*4.*\[2\]/);
    await fails(model.loadStateDict({ '0.weight': { shape: [4], dtype: 'float32', data: weight }, '0.bias': weight.slice(2) }), 'ANNEAL_STATE_MISMATCH', /'0\.weight'.*\[4\].*\[2,2\]/);
    await fails(model.loadStateDict({ '0.weight': { shape: [2, 2], dtype: 'int32', data: new Int32Array(4) }, '0.bias': weight.slice(2) }), 'ANNEAL_STATE_MISMATCH', /int32/);
    for (const odd of [undefined, null, 7, {}, [1, 2], { shape: [2], dtype: 'float32', data: new Float32Array(3) }, { shape: [2], dtype: 'float32' }]) {
      await fails(model.loadStateDict({ '0.weight': weight, '0.bias': odd } as never), 'ANNEAL_STATE_MISMATCH', /'0\.bias' does not fit.*expected float32 \[2\]/);
    }
    expect(await values(model)).toEqual(before);
  });

  test('by the names of PyTorch, which writes them with underscores', async () => {
    const model = nn.sequential([2], nn.batchNorm1d(2));
    const of = (...values: number[]): Float32Array => Float32Array.from(values);
    await model.loadStateDict({ '0.weight': of(1, 2), '0.bias': of(3, 4), '0.running_mean': of(5, 6), '0.running_var': of(7, 8), '0.num_batches_tracked': Int32Array.of(9) });
    expect(await values(model)).toEqual([[1, 2], [3, 4], [5, 6], [7, 8], [9]]);
    await fails(model.loadStateDict({ ...(await model.toArrays()), '0.running_mean': of(1, 2) }), 'ANNEAL_STATE_MISMATCH', /0\.running_mean/);
  });

  test('of which only a part is wanted passes over the rest', async () => {
    const model = nn.sequential([2], nn.linear(2, 2));
    const [, bias] = await values(model);
    await model.loadStateDict({ '0.weight': Float32Array.of(1, 2, 3, 4), 'head.weight': new Float32Array(9) }, { strict: false });
    expect(await values(model)).toEqual([[1, 2, 3, 4], bias]);
    await fails(model.loadStateDict({}, { strickt: false } as never), 'ANNEAL_UNKNOWN_OPTION', /strict/);
  });
});

describe('first values', () => {
  test('of a deviation that fits the shape, as PyTorch has it', async () => {
    const { init } = nn;
    const spread = async (initializer: ReturnType<typeof init.zeros>): Promise<[number, number]> => {
      const values = await new Parameter([64, 32, 3, 3], initializer).data();
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length), values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)];
    };
    const [fanIn, fanOut] = [288, 576];
    for (const [initializer, deviation, even] of [
      [init.kaimingUniform(), Math.sqrt(2 / fanIn), true],
      [init.kaimingUniform(1, 'fanOut'), Math.sqrt(1 / fanOut), true],
      [init.kaimingNormal(), Math.sqrt(2 / fanIn), false],
      [init.kaimingNormal(0, 'fanOut'), Math.sqrt(2 / fanOut), false],
      [init.xavierUniform(2), 2 * Math.sqrt(2 / (fanIn + fanOut)), true],
      [init.xavierNormal(), Math.sqrt(2 / (fanIn + fanOut)), false],
    ] as const) {
      const [got, most] = await spread(initializer);
      expect(Math.abs(got / deviation - 1)).toBeLessThan(0.02);
      expect(most / deviation > 1.9).toBe(!even);
    }
    expect(() => init.kaimingNormal(0, 'fan_in' as never)).toThrow(/mode.*fanIn/);
    await expect(new Parameter([3], init.xavierNormal()).data()).rejects.toThrow(/1 dimensions, expected at least 2/);
  });

  test('can be set before they are needed, and not after', async () => {
    const layer = nn.linear(2, 3);
    expect(await layer.weight.initialize(nn.init.constant(7)).data()).toEqual(new Float32Array(6).fill(7));
    expect(() => layer.weight.initialize(nn.init.zeros())).toThrow(/\[initialize\].*has its values already/);
    expect(() => layer.bias!.initialize(7 as never)).toThrow(/\[initialize\] initializer: got 7/);
  });

  const first = async (model: nn.Module, at = 0): Promise<Float32Array> => model.parameters()[at]!.data();

  test('depend on the seed and the name only', async () => {
    seed(7);
    const a = nn.sequential([4], nn.linear(4, 4), nn.linear(4, 4));
    seed(7);
    const b = nn.sequential([4], nn.relu(), nn.linear(4, 4));
    expect(await first(b)).toEqual(await first(a, 2));
    expect(await first(a)).not.toEqual(await first(a, 2));
  });

  test('do not depend on when they are first needed', async () => {
    seed(7);
    const a = nn.sequential([4], nn.linear(4, 4), nn.linear(4, 4));
    const last = await first(a, 2);
    seed(7);
    const b = nn.sequential([4], nn.linear(4, 4), nn.linear(4, 4));
    seed(8);
    await first(b);
    expect(await first(b, 2)).toEqual(last);
  });

  test('differ from seed to seed and from model to model', async () => {
    seed(7);
    const [a, b] = [nn.sequential([4], nn.linear(4, 4)), nn.sequential([4], nn.linear(4, 4))];
    seed(8);
    const c = nn.sequential([4], nn.linear(4, 4));
    const [x, y, z] = [await first(a), await first(b), await first(c)];
    expect(x).not.toEqual(y);
    expect(x).not.toEqual(z);
  });

  test('come without parameters() being called', async () => {
    class Net extends nn.Module {
      readonly inner = nn.linear(4, 3);
      override forward(x: Tensor): Tensor {
        return this.inner.forward(x);
      }
    }
    expect((await new Net().forward(zeros([2, 4])).data()).some((value) => value !== 0)).toBe(true);
  });
});
