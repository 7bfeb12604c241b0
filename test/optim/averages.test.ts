// Averages of weights: their formulas in double precision over 100 steps, how they are used, what they refuse. Those that PyTorch has are
// compared with it in test/parity/averages.test.ts.
import { describe, expect, test } from 'vitest';
import { data, losses, mul, nn, ones, optim, Parameter, seed, sum, tensor, Trainer } from 'anneal';
import { fails, refuses } from '../nn/fails.js';
import { asParameter, Holder } from '../parity/gradients.js';

const SIZE = 3;
const start = Float32Array.from({ length: SIZE }, (_, i) => Math.fround(Math.sin(i + 1)));
const gradient = (step: number): Float32Array => Float32Array.from({ length: SIZE }, (_, i) => Math.fround(Math.cos(1.3 * step + i) + 0.2));

/** Gradient descent by 0.1 for 100 steps: calls `seen` with the weight and the average after each. */
async function descend(average: optim.Average, seen: (step: number, weight: readonly number[], average: readonly number[]) => void): Promise<void> {
  const parameter = asParameter(tensor(start));
  const optimizer = optim.sgd(new Holder([parameter]).parameters(), { lr: 0.1, average });
  for (let step = 0; step < 100; step++) {
    sum(mul(parameter, tensor(gradient(step)))).backward();
    await optimizer.step();
    seen(step, [...(await parameter.data())], [...(await optimizer.withAverage(() => parameter.data()))]);
  }
}

const expectNear = (what: string, got: readonly number[], wanted: readonly number[]): void =>
  got.forEach((value, i) => {
    if (!(Math.abs(value - wanted[i]!) < 3e-6)) expect.fail(`${what}: element ${i} is ${value}, expected ${wanted[i]}`);
  });

/** Follows an average by its definition: from a first value, a + c (p - a). */
function follows(coefficient: (step: number) => number) {
  let wanted: number[] | undefined;
  return (step: number, weight: readonly number[], average: readonly number[]): void => {
    wanted = weight.map((p, i) => (wanted === undefined ? p : wanted[i]! + coefficient(step) * (p - wanted[i]!)));
    expectNear(`after step ${step + 1}`, average, wanted);
  };
}

describe('formulas', () => {
  test('exponential, with a decay that changes', () => descend(optim.exponentialMovingAverage({ decay: (step) => step / (step + 5) }), follows((step) => 5 / (step + 5))));
  test('exponential, with warm-up', () => descend(optim.exponentialMovingAverage({ decay: 0.8, warmup: true }), follows((n) => 1 - Math.min(0.8, (1 + n) / (10 + n)))));
  test('exponential, late and now and then', () => {
    let wanted: readonly number[] = [];
    return descend(optim.exponentialMovingAverage({ decay: 0.5, start: 10, every: 4 }), (step, weight, average) => {
      if (step >= 10 && (step - 10) % 4 === 0) wanted = weight.map((p, i) => (step === 10 ? p : (p + wanted[i]!) / 2));
      expectNear(`after step ${step + 1}`, average, step < 10 ? weight : wanted);
    });
  });
  test('exponential, corrected for its start at 0', () => {
    const sums = [0, 0, 0];
    return descend(optim.exponentialMovingAverage({ decay: 0.95, biasCorrection: true }), (step, weight, average) => {
      weight.forEach((p, i) => (sums[i] = 0.95 * sums[i]! + 0.05 * p));
      const corrected = sums.map((value) => value / (1 - 0.95 ** (step + 1)));
      expectNear(`after step ${step + 1}`, average, corrected);
    });
  });
  test('lookahead', async () => {
    let [slow, fast] = [[...start], [...start]];
    await descend(optim.lookahead({ every: 4, alpha: 0.3 }), (step, weight, average) => {
      fast = fast.map((p, i) => p - 0.1 * gradient(step)[i]!);
      if (step % 4 === 3) [slow, fast] = [slow.map((s, i) => s + 0.3 * (fast[i]! - s)), slow.map((s, i) => s + 0.3 * (fast[i]! - s))];
      expectNear(`weight after step ${step + 1}`, weight, fast);
      expectNear(`slow weight after step ${step + 1}`, average, slow);
    });
  });
});

const model = (): nn.Sequential<[3], [2]> => {
  seed(2);
  return nn.sequential([3], nn.linear(3, 4), nn.tanh(), nn.linear(4, 2));
};
const weights = async (of: nn.Module): Promise<number[][]> => Promise.all(of.parameters().map(async (parameter) => [...(await parameter.data())]));

async function steps(of: nn.Module, optimizer: optim.Optimizer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    sum(of.forward(ones([2, 3]))).backward();
    await optimizer.step();
  }
}

const averages: Readonly<Record<string, () => optim.Average>> = {
  exponential: () => optim.exponentialMovingAverage({ decay: 0.7, biasCorrection: true }),
  stochastic: () => optim.stochasticWeightAveraging({ start: 2 }),
  lookahead: () => optim.lookahead({ every: 2 }),
};

describe.each(Object.keys(averages))('%s', (name) => {
  test('goes on in another process with the same bits', async () => {
    const make = (of: nn.Module): optim.Optimizer => optim.adam(of.parameters(), { lr: 0.1, average: averages[name]!() });
    const straight = model();
    const whole = make(straight);
    await steps(straight, whole, 8);

    const first = model();
    const optimizer = make(first);
    await steps(first, optimizer, 3);
    const second = model();
    const resumed = make(second);
    await second.loadStateDict(first.stateDict());
    await resumed.loadStateDict(optimizer.stateDict());
    await steps(second, resumed, 5);
    expect(await weights(second)).toEqual(await weights(straight));
    expect(await resumed.withAverage(() => weights(second))).toEqual(await whole.withAverage(() => weights(straight)));
  });

  test('has the same bits in fit, step by step and several steps in a call', async () => {
    const train = async (callback: boolean): Promise<unknown> => {
      const m = model();
      const optimizer = optim.adam(m.parameters(), { lr: 0.05, average: averages[name]!() });
      const x = Float32Array.from({ length: 64 * 3 }, (_, i) => Math.sin(i));
      const set = data.fromArrays({ x, y: Int32Array.from({ length: 64 }, (_, i) => i % 2), shape: [3] });
      const callbacks = callback ? { callbacks: { onStep: () => undefined } } : {};
      await new Trainer(m, { loss: losses.crossEntropy, optimizer }).fit(set, { epochs: 2, batchSize: 8, seed: 1, shuffle: true, ...callbacks });
      return [await weights(m), await optimizer.withAverage(() => weights(m))];
    };
    expect(await train(true)).toEqual(await train(false));
  });
});

describe('withAverage', () => {
  test('shows the average to predictions and evaluations, and gives exactly the weights back', async () => {
    const m = model();
    const optimizer = optim.sgd(m.parameters(), { lr: 0.5, average: optim.exponentialMovingAverage({ decay: 0.9 }) });
    const predict = async (): Promise<number[]> => [...(await m.forward(ones([1, 3])).data())];
    await steps(m, optimizer, 5);
    const [own, before] = [await predict(), await weights(m)];
    const averaged = await optimizer.withAverage(predict);
    expect(averaged).not.toEqual(own);
    expect([await predict(), await weights(m)]).toEqual([own, before]);
    const other = model();
    await optimizer.withAverage(async () => other.loadStateDict(m.stateDict()));
    expect([...(await other.forward(ones([1, 3])).data())]).toEqual(averaged);
    await steps(m, optimizer, 1);
    expect(await weights(m)).not.toEqual(before);
  });

  test('gives the weights back when fn throws, and lets no step happen meanwhile', async () => {
    const m = model();
    const optimizer = optim.sgd(m.parameters(), { lr: 0.5, average: optim.lookahead() });
    await steps(m, optimizer, 2);
    const before = await weights(m);
    await expect(optimizer.withAverage(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    await fails(optimizer.withAverage(() => steps(m, optimizer, 1)), 'ANNEAL_BUSY', /parameters are their averages now/);
    await fails(optimizer.withAverage(() => optimizer.withAverage(() => undefined)), 'ANNEAL_BUSY', /already/);
    for (const take of [() => void optimizer.stateDict(), () => optimizer.loadStateDict(new Map()), () => optimizer.applyAverage(), () => void (optimizer.average = undefined)]) {
      await fails(optimizer.withAverage(take), 'ANNEAL_BUSY', /\[(stateDict|loadStateDict|applyAverage|average)\] the parameters are their averages now/);
    }
    expect(await weights(m)).toEqual(before);
  });

  test('shows the weights themselves before anything was averaged', async () => {
    const m = model();
    const optimizer = optim.sgd(m.parameters(), { lr: 0.5, average: optim.stochasticWeightAveraging({ start: 3 }) });
    expect(await optimizer.withAverage(() => weights(m))).toEqual(await weights(m));
    await steps(m, optimizer, 3);
    expect(await optimizer.withAverage(() => weights(m))).toEqual(await weights(m));
  });

  test('says what it needs', async () => {
    const optimizer = optim.sgd(model().parameters());
    await fails(optimizer.withAverage(() => 1), 'ANNEAL_INVALID_ARGUMENT', /\[withAverage\] this optimizer keeps no average.*exponentialMovingAverage/);
    refuses(() => optimizer.applyAverage(), 'ANNEAL_INVALID_ARGUMENT', /applyAverage/);
  });
});

test('applyAverage copies the averages for good', async () => {
  const m = model();
  const optimizer = optim.sgd(m.parameters(), { lr: 0.5, average: optim.exponentialMovingAverage({ decay: 0.9 }) });
  await steps(m, optimizer, 4);
  const averaged = await optimizer.withAverage(() => weights(m));
  optimizer.applyAverage();
  expect(await weights(m)).toEqual(averaged);
});

test('an average goes on where no gradient reaches', async () => {
  const [a, b] = [new Parameter([1], nn.init.zeros()), new Parameter([1], nn.init.zeros())];
  const optimizer = optim.sgd(new Holder([a, b]).parameters(), { lr: 1, average: optim.exponentialMovingAverage({ decay: 0.5 }) });
  const value = (): Promise<number[]> => Promise.all([a, b].map((parameter) => parameter.item()));
  sum(a).backward();
  await optimizer.step(); // a: -1, average -1; b: 0, 0
  sum(mul(b, 4)).backward();
  await optimizer.step(); // b: -4, average -2
  expect(await optimizer.withAverage(value)).toEqual([-1, -2]);
  sum(a).backward();
  await optimizer.step(); // a: -2, average -1.5; b's average -3
  expect(await optimizer.withAverage(value)).toEqual([-1.5, -3]);
  expect(await value()).toEqual([-2, -4]);
});

test('an average may be assigned later', async () => {
  const m = model();
  const optimizer = optim.sgd(m.parameters(), { lr: 0.5 });
  await steps(m, optimizer, 2);
  optimizer.average = optim.exponentialMovingAverage({ decay: 0.75 });
  expect(await optimizer.withAverage(() => weights(m))).toEqual(await weights(m));
  await steps(m, optimizer, 1);
  const before = await weights(m);
  await steps(m, optimizer, 1);
  const after = await weights(m);
  const averaged = await optimizer.withAverage(() => weights(m));
  averaged.forEach((values, i) => expectNear(`parameter ${i}`, values, values.map((_, k) => 0.75 * before[i]![k]! + 0.25 * after[i]![k]!)));
  optimizer.average = undefined;
  expect([...optimizer.stateDict().keys()].some((name) => name.endsWith('average'))).toBe(false);
});

describe('an average counts the steps that it has seen, not those of the optimizer', () => {
  /** A weight that is 1, 2, 3, ... after each step. */
  function counting(average?: optim.Average) {
    const weight = new Parameter([1], nn.init.zeros());
    const optimizer = optim.sgd(new Holder([weight]).parameters(), { lr: 1, ...(average === undefined ? {} : { average }) });
    const go = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        optimizer.zeroGrad();
        sum(mul(weight, -1)).backward();
        await optimizer.step();
      }
    };
    return { weight, optimizer, go, averaged: () => optimizer.withAverage(() => weight.item()) };
  }

  test.each([
    ['stochastic', 5, optim.stochasticWeightAveraging({ start: 0 }), 7],
    ['exponential, bias-corrected', 100, optim.exponentialMovingAverage({ decay: 0.99, biasCorrection: true }), 102.0067],
    ['exponential, with warm-up', 100, optim.exponentialMovingAverage({ decay: 0.99, warmup: true }), 102.70455],
    ['exponential, whose decay is a schedule', 100, optim.exponentialMovingAverage({ decay: (step) => (step === 2 ? 0 : 1) }), 103],
    ['late', 5, optim.stochasticWeightAveraging({ start: 1 }), 7.5],
    ['lookahead', 4, optim.lookahead({ every: 3, alpha: 0.5 }), 5.5],
  ])('%s, assigned after %i steps', async (_, before, average, expected) => {
    const { optimizer, go, averaged } = counting();
    await go(before);
    optimizer.average = average;
    await go(3);
    expect(await averaged()).toBeCloseTo(expected, 4);
  });

  test('also in a state that is loaded', async () => {
    const swa = () => optim.stochasticWeightAveraging({ start: 0 });
    const first = counting();
    await first.go(5);
    first.optimizer.average = swa();
    await first.go(1);
    for (const second of [counting(swa()), counting()]) {
      await second.optimizer.loadStateDict(first.optimizer.stateDict());
      await new Holder([second.weight]).loadStateDict(new Holder([first.weight]).stateDict());
      if (second.optimizer.average === undefined) {
        await fails(second.averaged(), 'ANNEAL_INVALID_ARGUMENT', /come from a state that was loaded.*Assign optimizer.average/);
        second.optimizer.average = swa();
      }
      await second.go(2);
      expect(await second.averaged()).toBe(7);
    }
  });

  test('a step that failed counts for nothing', async () => {
    const { optimizer, weight, go, averaged } = counting(optim.stochasticWeightAveraging({ start: 0 }));
    await go(1);
    const failing = async (): Promise<void> => {
      losses.crossEntropy(mul(weight, ones([1, 2])), tensor([9], { dtype: 'int32' })).backward();
      await optimizer.step();
    };
    await fails(failing(), 'ANNEAL_INDEX_OUT_OF_RANGE', /got 9/);
    await go(2);
    expect(await averaged()).toBe(2);
  });

  test('averages of a state wait for one to be assigned, and go on being part of states', async () => {
    const first = counting(optim.stochasticWeightAveraging({ start: 0 }));
    await first.go(3);
    const second = counting();
    await second.optimizer.loadStateDict(first.optimizer.stateDict());
    await second.go(1);
    const state = second.optimizer.stateDict();
    expect([...state.keys()].filter((name) => /average/i.test(name))).toEqual(['averageSteps', 'values.0.average']);
    expect([...(state.get('averageSteps')!.data as Int32Array)]).toEqual([3]);
    second.optimizer.average = undefined;
    expect([...second.optimizer.stateDict().keys()].some((name) => /average/i.test(name))).toBe(false);
  });

  test('states of before that count go by the steps of the optimizer', async () => {
    const first = counting(optim.stochasticWeightAveraging({ start: 0 }));
    await first.go(3);
    const state = first.optimizer.stateDict();
    state.delete('averageSteps');
    const second = counting(optim.stochasticWeightAveraging({ start: 0 }));
    await second.optimizer.loadStateDict(state);
    expect([...(second.optimizer.stateDict().get('averageSteps')!.data as Int32Array)]).toEqual([3]);
  });
});

test('averages refuse what they cannot do', async () => {
  refuses(() => optim.exponentialMovingAverage({ decay: 1.5 }), 'ANNEAL_INVALID_ARGUMENT', /decay: got 1.5/);
  refuses(() => optim.exponentialMovingAverage({ deacy: 0.9 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean decay/);
  refuses(() => optim.stochasticWeightAveraging({ start: -1 }), 'ANNEAL_INVALID_ARGUMENT', /start: got -1/);
  refuses(() => optim.lookahead({ every: 0 }), 'ANNEAL_INVALID_ARGUMENT', /every: got 0/);
  refuses(() => optim.lookahead({ alpha: 2 }), 'ANNEAL_INVALID_ARGUMENT', /alpha: got 2/);
  refuses(() => optim.sgd(model().parameters(), { average: 0.9 as never }), 'ANNEAL_INVALID_ARGUMENT', /\[sgd\] average: got 0.9/);
  const m = model();
  const odd = optim.sgd(m.parameters(), { average: optim.exponentialMovingAverage({ decay: (step) => step - 5 }) });
  await fails(steps(m, odd, 2), 'ANNEAL_INVALID_ARGUMENT', /decay of step 1 is -4/);
});
