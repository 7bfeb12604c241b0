// Looking into layers: the numbers that a loop by hand would compute, and the same weights as without.
import { describe, expect, test } from 'vitest';
import { data, losses, nn, optim, seed, Trainer, type Tensor, type train } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { bits, blobs, classifier } from './classifier.js';
import { fails } from '../nn/fails.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const points = blobs(64, 1);
const options = { batchSize: 16, shuffle: true, seed: 2 } as const;

function parts() {
  seed(6);
  const model = nn.sequential([2], nn.linear(2, 8), nn.relu(), nn.linear(8, 8, { bias: false }), nn.tanh(), nn.linear(8, 2));
  return { model, optimizer: optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.01 }) };
}

const norm = (arrays: readonly Float32Array[]): number => Math.sqrt(arrays.flatMap((array) => [...array]).reduce((sum, x) => sum + x * x, 0));
const read = (parameters: readonly (Tensor | undefined)[]): Promise<Float32Array[]> => Promise.all(parameters.map((parameter) => parameter!.data() as Promise<Float32Array>));

/** Layer statistics of each step, by a loop by hand. */
async function byHand(steps: number): Promise<{ weightNorm: number; gradientNorm: number; updateRatio: number }[][]> {
  const { model, optimizer } = parts();
  const all = [];
  for (const [inputs, labels] of data.loader(points, options)) {
    if (all.length === steps) break;
    const loss = losses.crossEntropy(model.forward(inputs), labels);
    optimizer.zeroGrad();
    loss.backward();
    const layers = [model.layers[0]!, model.layers[2]!, model.layers[4]!].map((layer) => layer.parameters());
    const gradients = await Promise.all(layers.map((layer) => read(layer.map(({ grad }) => grad))));
    const before = await Promise.all(layers.map(read));
    await optimizer.step();
    const after = await Promise.all(layers.map(read));
    all.push(
      layers.map((_, k) => {
        const moved = after[k]!.map((array, i) => array.map((x, j) => x - before[k]![i]![j]!));
        return { weightNorm: norm(before[k]!), gradientNorm: norm(gradients[k]!), updateRatio: norm(moved) / norm(before[k]!) };
      }),
    );
  }
  return all;
}

describe('inspect', () => {
  test('gives norms of weights and gradients, and how far updates go', async () => {
    const { model, optimizer } = parts();
    const seen: (readonly train.LayerStatistics[] | undefined)[] = [];
    await new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(points, { ...options, inspect: { every: 2 }, callbacks: { passive: true, onStep: ({ layers }) => void seen.push(layers) } });
    expect(seen.map((layers) => layers === undefined)).toEqual([false, true, false, true]);
    const expected = await byHand(4);
    for (const step of [0, 2]) {
      const layers = seen[step]!;
      expect(layers.map(({ layer, kind }) => `${layer} ${kind}`)).toEqual(['0 linear(2, 8)', '1 relu()', '2 linear(8, 8)', '4 linear(8, 2)']);
      layers
        .flatMap(({ parameters }) => (parameters === undefined ? [] : [parameters]))
        .forEach((found, k) => {
          const right = expected[step]![k]!;
          expect(found.weightNorm).toBeCloseTo(right.weightNorm, 5);
          expect(found.gradientNorm).toBeCloseTo(right.gradientNorm, 6);
          expect(found.updateRatio).toBeCloseTo(right.updateRatio, 6);
        });
    }
  });

  test('counts units that are 0 for all examples of a batch, also inside modules of one’s own', async () => {
    class Own extends nn.Module {
      readonly first = nn.linear(2, 4);
      readonly act = nn.relu();
      readonly last = nn.linear(4, 2);

      override forward(x: Tensor): Tensor {
        return this.last.forward(this.act.forward(this.first.forward(x)));
      }
    }
    const model = new Own();
    // One unit never fires, one for one class only, two for all.
    await model.loadStateDict({ 'first.bias': Float32Array.of(-99, 0, 99, 99), 'first.weight': Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1) }, { strict: false });
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0 }) });
    const [record] = await trainer.fit(points, { inspect: true });
    expect(record!.layers!.map(({ layer, deadShare }) => [layer, deadShare])).toEqual([['first', undefined], ['act', 0.25], ['last', undefined]]);
    expect(Object.hasOwn(model.act, 'forward')).toBe(false);
  });

  test.each([{}, { accumulate: 2 }, { clip: { globalNorm: 0.1 } }])('leaves the weights and the random streams as they are without (%o)', async (more) => {
    const weights = async (inspect: boolean | { every: number }) => {
      const { model, optimizer } = classifier({ dropout: 0.3 });
      const history = await new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(points, { ...options, ...more, epochs: 3, inspect });
      return { left: [await bits(model), history.map(({ loss }) => loss)], layers: history.map(({ layers }) => layers?.length) };
    };
    const without = await weights(false);
    expect(without.layers).toEqual([undefined, undefined, undefined]);
    expect((await weights(true)).layers).toEqual([3, 3, 3]);
    for (const inspect of [true, { every: 1 }, { every: 3 }]) expect((await weights(inspect)).left).toEqual(without.left);
  });

  test.runIf(planned)('lets the other steps run together', async () => {
    const runs = (): number => (engine() as RuntimeEngine).session.native.stats().runs;
    const count = async (inspect: boolean): Promise<number> => {
      const { model, optimizer } = parts();
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
      await trainer.fit(points, { batchSize: 2 });
      const before = runs();
      let stepwise: string | undefined = 'unset';
      await trainer.fit(points, { batchSize: 2, inspect, callbacks: { onFitStart: (event) => void (stepwise = event.stepwise) } });
      expect(stepwise).toBe(undefined);
      return runs() - before;
    };
    expect(await count(false)).toBe(1);
    expect(await count(true)).toBeLessThan(8);
  });

  test('a failure in a step that is looked into is told as ever', async () => {
    const { model, optimizer } = parts();
    const broken = data.fromArrays({ x: new Float32Array(8), y: Int32Array.of(0, 1, 7, 1), shape: [2], name: 'broken' });
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const before = await bits(model);
    await fails(trainer.fit(broken, { batchSize: 4, inspect: true }), 'ANNEAL_INDEX_OUT_OF_RANGE', /example 2 of dataset 'broken'/);
    expect(await bits(model)).toEqual(before);
    await trainer.fit(points, { inspect: true });
  });

  test('refuses what is no option', async () => {
    const { model, optimizer } = parts();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    await fails(trainer.fit(points, { inspect: { every: 0 } }), 'ANNEAL_INVALID_ARGUMENT', /inspect.every: got 0/);
    await fails(trainer.fit(points, { inspect: { evry: 1 } as never }), 'ANNEAL_UNKNOWN_OPTION', /Did you mean every/);
  });
});

describe('clip and average', () => {
  test('go to the optimizer; the clip for this fit only', async () => {
    const direct = parts();
    const optimizer = optim.sgd(direct.model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.01, clip: { globalNorm: 0.05 }, average: optim.exponentialMovingAverage({ decay: 0.9 }) });
    await new Trainer(direct.model, { loss: losses.crossEntropy, optimizer }).fit(points, { ...options, epochs: 2 });
    const passed = parts();
    const trainer = new Trainer(passed.model, { loss: losses.crossEntropy, optimizer: passed.optimizer });
    const together: unknown[] = [];
    await trainer.fit(points, {
      ...options,
      epochs: 2,
      clip: { globalNorm: 0.05 },
      average: optim.exponentialMovingAverage({ decay: 0.9 }),
      callbacks: { onFitStart: ({ stepwise }) => void together.push(stepwise) },
    });
    expect(together).toEqual([undefined]);
    expect(await bits(passed.model)).toEqual(await bits(direct.model));
    const averaged = (one: typeof passed): Promise<Record<string, string>> => one.optimizer.withAverage(() => bits(one.model));
    expect(await averaged(passed)).toEqual(await averaged({ ...direct, optimizer }));
    expect(await averaged(passed)).not.toEqual(await bits(passed.model));
    expect([passed.optimizer.clip, passed.optimizer.average === undefined]).toEqual([undefined, false]);
    const plain = parts();
    await new Trainer(plain.model, { loss: losses.crossEntropy, optimizer: plain.optimizer }).fit(points, { ...options, epochs: 2 });
    expect(await bits(plain.model)).not.toEqual(await bits(passed.model));
  });
});
