// Nodes of several outputs: each has its own gradient, is read and kept on its own, and is computed once.
import { describe, expect, test } from 'vitest';
import { outputOf, record } from '../../src/graph/recorder.js';
import { composite } from '../../src/ops/composite.js';
import type { Attrs, CompositeRecord } from '../../src/ops/record.js';
import { add, grad, lstmCell, mul, Parameter, nn, optim, seed, sum, tensor, type Tensor } from 'anneal';

class Cell extends nn.Module {
  weightIh = new Parameter([8, 3], nn.init.uniform(-0.5, 0.5));
  weightHh = new Parameter([8, 2], nn.init.uniform(-0.5, 0.5));

  override forward(x: Tensor): Tensor {
    let state = { h: tensor([[0, 0], [0, 0]]) as Tensor, c: tensor([[0, 0], [0, 0]]) as Tensor };
    for (let step = 0; step < 3; step++) state = lstmCell(x, state, this as never);
    return add(state.h, state.c as never) as Tensor;
  }

  step(x: Tensor): { readonly h: Tensor; readonly c: Tensor } {
    const zeros = tensor([[0.1, 0.2], [0.3, 0.4]]) as Tensor;
    return lstmCell(x, { h: zeros, c: zeros }, this as never);
  }
}

const make = (): Cell => {
  seed(11);
  return new Cell();
};
const x = (): Tensor => tensor([[1, 2, 3], [-1, 0, 1]]) as Tensor;

/** An op of three outputs, twice, three times and five times what it is given. */
const multiples = composite({
  name: 'multiples',
  infer: ([given]) => ({ shape: given!.shape, dtype: given!.dtype, more: [{ shape: given!.shape, dtype: given!.dtype }, { shape: given!.shape, dtype: given!.dtype }] }),
  decompose: ([given]) => [mul(given!, 2), mul(given!, 3), mul(given!, 5)],
  tolerance: { absolute: 0, relative: 0 },
  examples: () => [],
});

/** Twice what it is given, and its square, which the gradient reads though no loss depends on it. */
const doubled: CompositeRecord<Attrs, readonly (Tensor | undefined)[]> = {
  name: 'doubled',
  kind: 'composite',
  infer: ([given]) => ({ shape: given!.shape, dtype: given!.dtype, more: [{ shape: given!.shape, dtype: given!.dtype }] }),
  decompose: ([given]) => [mul(given!, 2), mul(given!, given! as never)],
  gradient: ([dy], node) => [mul(dy!, outputOf(node, 1) as never)],
  saves: { outputs: [1] },
  tolerance: { absolute: 0, relative: 0 },
  examples: () => [],
};

describe('several outputs', () => {
  test('that a gradient reads are those of the step, also where an earlier step has kept its own in memory', async () => {
    const slopes = async (look: boolean): Promise<number[]> => {
      const weight = new Parameter([1], nn.init.constant(1));
      weight.name = 'weight';
      const optimizer = optim.sgd([weight], { lr: 0.1 });
      const seen: number[] = [];
      for (let step = 1; step <= 3; step++) {
        const y = record(doubled, [mul(weight, tensor([step])) as Tensor]);
        if (look) await y.data();
        sum(y).backward();
        await optimizer.step();
        seen.push((await weight.data())[0]!);
      }
      return seen;
    };
    expect(await slopes(true)).toEqual(await slopes(false));
  });

  test('each of three is its own, and so is its gradient, computed anew or by a plan that was made before', async () => {
    for (let round = 0; round < 2; round++) {
      const given = tensor([1, 10], { requiresGrad: true });
      const node = record(multiples as never, [given as Tensor]);
      const outputs = [0, 1, 2].map((i) => outputOf(node, i));
      for (const [i, factor] of [2, 3, 5].entries()) {
        expect([...(await outputs[i]!.data())]).toEqual([factor, 10 * factor]);
        expect([...(await grad(sum(outputs[i]!), [given])[0].data())]).toEqual([factor, factor]);
      }
      const kept = outputs.map((output) => mul(output, 1).keep());
      expect([...(await add(kept[2]!, mul(outputs[1]!, 100) as never).data())]).toEqual([305, 3050]);
    }
  });

  test('the gradient of each alone, and of both together', async () => {
    const cell = make();
    const w = cell.parameters()[0]! as Tensor;
    const of = async (loss: (state: { readonly h: Tensor; readonly c: Tensor }) => Tensor): Promise<number[]> => [...(await grad(loss(cell.step(x())), [w])[0].data())];
    const [h, c, both] = [await of(({ h }) => sum(h)), await of(({ c }) => sum(c)), await of((state) => add(sum(state.h), sum(state.c) as never))];
    expect(h).not.toEqual(c);
    both.forEach((value, i) => expect(value).toBeCloseTo(h[i]! + c[i]!, 6));
  });

  test('a read of one in the middle of a step leaves the other', async () => {
    const run = async (look: (state: { readonly h: Tensor; readonly c: Tensor }) => Promise<unknown>): Promise<number[]> => {
      const cell = make();
      const optimizer = optim.sgd(cell.parameters(), { lr: 0.1 });
      for (let step = 0; step < 3; step++) {
        const state = cell.step(x());
        await look(state);
        sum(mul(state.h, state.c)).backward();
        await optimizer.step();
      }
      return [...(await cell.parameters()[0]!.data())];
    };
    const plain = await run(async () => undefined);
    expect(await run(({ h }) => h.data())).toEqual(plain);
    expect(await run(({ c }) => c.data())).toEqual(plain);
  });

  test('one that is kept outlives the step, the other does not', async () => {
    const cell = make();
    const optimizer = optim.sgd(cell.parameters(), { lr: 0.1 });
    const { h, c } = cell.step(x());
    const before = [...(await c.data())];
    c.keep();
    sum(h).backward();
    await optimizer.step();
    expect([...(await c.data())]).toEqual(before);
    await expect(h.data()).rejects.toMatchObject({ code: 'ANNEAL_STALE_TENSOR' });
  });

  test('one bias without the other is an error, not left out', () => {
    const cell = make();
    const zeros = tensor([[0, 0], [0, 0]]) as Tensor;
    const weights = { weightIh: cell.weightIh as Tensor, weightHh: cell.weightHh as Tensor, biasHh: tensor([0, 0, 0, 0, 0, 0, 0, 0]) as Tensor };
    expect(() => lstmCell(x(), { h: zeros, c: zeros }, weights)).toThrow(/\[lstmCell\]/);
  });

  test('a recurrence over both trains', async () => {
    const cell = make();
    const optimizer = optim.adam(cell.parameters(), { lr: 0.05 });
    const seen: number[] = [];
    for (let step = 0; step < 40; step++) {
      const error = cell.forward(x()).sub(0.5 as never) as Tensor;
      const loss = sum(mul(error, error));
      loss.backward();
      await optimizer.step();
      seen.push(await loss.item());
    }
    expect(seen.at(-1)!).toBeLessThan(seen[0]! / 5);
  });
});
