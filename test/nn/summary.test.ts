// What is known of a model before anything runs.
import { describe, expect, test } from 'vitest';
import { data, losses, matmul, nn, optim, random, relu, seed, Trainer, type Shape, type Tensor } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { refuses } from './fails.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';

const mlp = () => nn.sequential([1, 28, 28], nn.flatten(), nn.linear(784, 128), nn.relu(), nn.dropout(0.5), nn.linear(128, 10, { bias: false }));

describe('summary', () => {
  test('of layers: shapes, parameters, operations, memory', () => {
    const { layers, ...whole } = nn.summary(mlp(), undefined, { batchSize: 10 });
    expect(layers).toEqual([
      { layer: '0', kind: 'flatten()', output: [784], parameters: 0, flops: 0, activationBytes: 0 },
      { layer: '1', kind: 'linear(784, 128)', output: [128], parameters: 784 * 128 + 128, flops: 2 * 784 * 128 + 128, activationBytes: 4 * 10 * 128 },
      { layer: '2', kind: 'relu()', output: [128], parameters: 0, flops: 128, activationBytes: 4 * 10 * 128 },
      { layer: '3', kind: 'dropout(0.5)', output: [128], parameters: 0, flops: 0, activationBytes: 0 },
      { layer: '4', kind: 'linear(128, 10)', output: [10], parameters: 1280, flops: 2 * 1280, activationBytes: 400 },
    ]);
    const parameters = 784 * 128 + 128 + 1280;
    const activations = 4 * 10 * (128 + 128) + 400;
    expect(whole).toEqual({
      input: [1, 28, 28],
      batchSize: 10,
      parameters,
      trained: parameters,
      flops: 2 * 784 * 128 + 256 + 2560,
      memory: { parameters: 4 * parameters, gradients: 4 * parameters, optimizer: 0, activations, total: 8 * parameters + activations },
    });
  });

  test('of modules of one’s own: what they do besides, what is not trained, what is used twice', () => {
    class Own extends nn.Module {
      readonly inner = nn.linear(4, 4);
      readonly scale = new nn.Parameter([4, 4], nn.init.ones());
      readonly fixed = new nn.Parameter([3], nn.init.ones(), { requiresGrad: false });

      override forward(x: Tensor): Tensor {
        return relu(matmul(this.inner.forward(this.inner.forward(x)), this.scale as never)).add(x);
      }
    }
    const { layers, parameters, trained } = nn.summary(new Own(), [4]);
    expect(layers.map(({ layer, parameters: own, flops }) => [layer, own, flops])).toEqual([
      ['inner', 20, 2 * (32 + 4)],
      ['', 19, 32 + 4 + 4],
    ]);
    expect([parameters, trained]).toEqual([39, 36]);
    refuses(() => nn.summary(new Own()), 'ANNEAL_INVALID_ARGUMENT', /input: got none.*as in \[784\]/);
  });

  test('of what is recorded before, between and behind modules', () => {
    class Between extends nn.Module {
      readonly a = nn.linear(64, 512);
      readonly b = nn.linear(512, 1);
      readonly weight = new nn.Parameter([512, 64], nn.init.ones());

      override forward(x: Tensor): Tensor {
        return this.b.forward(relu(this.a.forward(x.mul(2)).matmul(this.weight as never).matmul(this.weight.t() as never)) as Tensor);
      }
    }
    const { layers, flops, memory } = nn.summary(new Between(), [64], { batchSize: 2 });
    const product = 2 * 64 * 512;
    expect(layers.map(({ layer, flops: own }) => [layer, own])).toEqual([['a', product + 512], ['b', 2 * 512 + 1], ['', 64 + 2 * product + 512]]);
    expect(flops).toBe(3 * product + 64 + 512 + 512 + 2 * 512 + 1);
    // The scaled input, a's output, the two products, relu, b's output.
    expect(memory.activations).toBe(2 * 4 * (64 + 512 + 64 + 512 + 512 + 1));
  });

  test('of a bag of embeddings: the embeddings are there before their mean', () => {
    class Bag extends nn.Module {
      readonly table = new nn.Parameter([1000, 64], nn.init.normal());

      override forward(tokens: Tensor): Tensor {
        return this.table.gather(tokens.cast('int32') as Tensor<Shape, 'int32'>, 0).mean({ axis: 1 });
      }
    }
    const { memory } = nn.summary(new Bag(), [50], { batchSize: 32 });
    expect(memory.activations).toBe(4 * 32 * 50 + 4 * 32 * 50 * 64 + 4 * 32 * 64);
  });

  test('of a chain that looks tokens up, whose input is int32', () => {
    const model = nn.sequential([8], nn.recompute(nn.sequential([8], nn.embedding(10, 4), nn.layerNorm(4))), nn.flatten(), nn.linear(32, 2));
    expect(nn.summary(model).layers.at(-1)!.output).toEqual([2]);
    class Two extends nn.Module<{ length: []; tokens: [number] }, [number]> {
      readonly words = nn.embedding(10, 4);
      override forward({ length, tokens }: nn.Inputs<{ length: []; tokens: [number] }>): Tensor {
        return this.words.forward(tokens as Tensor<[number, number], 'int32'>).mean({ axis: 1 }).mul(length.reshape([-1, 1]));
      }
    }
    const input = { tokens: [8], length: [] };
    expect(() => nn.summary(new Two(), input)).toThrow(/^\[embedding\] tokens has the wrong dtype: .* \(summary\(\) gives the model float32 where nobody says otherwise: pass \{ dtype: \{ tokens: 'int32' \} \}\.\)$/);
    expect(nn.summary(new Two(), input, { dtype: { tokens: 'int32' } }).parameters).toBe(40);
  });

  test('counts the optimizer, and its average', () => {
    const model = mlp();
    const count = nn.summary(model).parameters;
    const stateOf = (optimizer: optim.Optimizer): number => new Trainer(model, { loss: losses.crossEntropy, optimizer }).summary().memory.optimizer;
    expect(stateOf(optim.sgd(model.parameters(), { lr: 0.1 }))).toBe(0);
    expect(stateOf(optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 }))).toBe(4 * count);
    expect(stateOf(optim.adam(model.parameters(), { lr: 0.1, average: optim.exponentialMovingAverage() }))).toBe(12 * count);
    // Of a matrix it keeps a row and a column; of the bias everything.
    expect(stateOf(optim.adafactor(model.parameters()))).toBe(4 * (784 + 128 + 128 + (128 + 10)));
  });

  test('runs nothing, and leaves modes and random streams alone', () => {
    seed(5);
    const model = mlp();
    const before = random.stateDict();
    const runs = (): number => (engine() as RuntimeEngine).session.native.stats().runs;
    const done = runs();
    nn.summary(model);
    if (planned) expect(runs()).toBe(done);
    // Eager mode runs it, and so draws first weights; they would be the same later.
    if (planned) expect(random.stateDict()).toEqual(before);
    expect(model.modules().every(({ training }) => training)).toBe(true);
    expect(model.modules().some((module) => Object.hasOwn(module, 'forward'))).toBe(false);
    expect(model.builtin).toBe(true);
  });

  test('is a table', () => {
    const model = nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.linear(16, 2));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.1 }) });
    expect(String(trainer.summary({ batchSize: 8 }))).toMatchInlineSnapshot(`
      "layer  kind           output  parameters  FLOPs
      -----------------------------------------------
      0      linear(2, 16)  [16]            48     80
      1      relu()         [16]             0     16
      2      linear(16, 2)  [2]             34     66

      input        [2]
      parameters   82
      FLOPs        162 for one example, forward
      memory       2.40 kB: parameters 328 B, gradients 328 B, optimizer 656 B, activations 1.09 kB (8 examples)"
    `);
  });

  test('counts parameters in plain objects and Maps as those of their module, in summaries and inspections', async () => {
    class Scales extends nn.Module<[2], [2]> {
      readonly byName = { first: new nn.Parameter([2], nn.init.ones()) };
      readonly more = new Map([['second', new nn.Parameter([2], nn.init.ones())]]);
      override forward(x: Tensor): Tensor {
        return x.mul(this.byName.first).mul(this.more.get('second')!);
      }
    }
    const model = new Scales();
    expect(nn.summary(model, [2]).layers.map(({ parameters }) => parameters)).toEqual([4]);
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
    const history = await trainer.fit(data.fromArrays({ x: [[1, 2]], y: [0] , shape: [2] }), { inspect: true });
    expect(history[0]!.layers![0]!.parameters!.weightNorm).toBe(2);
  });

  test('says what it cannot do', () => {
    refuses(() => nn.summary(mlp(), [784] as never), 'ANNEAL_SHAPE_MISMATCH', /got \[32,784\], expected \[batch,1,28,28\]/);
    refuses(() => nn.summary(mlp(), { batchSize: 1 } as never), 'ANNEAL_INVALID_ARGUMENT', /input: got an Object, expected the shape of one example .* options come third/);
    refuses(() => nn.summary({} as never), 'ANNEAL_INVALID_ARGUMENT', /expected a Module/);
    refuses(() => nn.summary(mlp(), undefined, { batchSize: 0 }), 'ANNEAL_INVALID_ARGUMENT', /batchSize: got 0/);
    refuses(() => nn.summary(mlp(), undefined, { batch: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean batchSize/);
    expect(mlp().modules().every(({ training }) => training)).toBe(true);
  });
});
