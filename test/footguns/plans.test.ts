import { grad, layerNorm, losses, mul, optim, silu, tensor, Trainer, type Parameter, type Tensor } from 'anneal';
import { expect, test, vi } from 'vitest';
import { classifier } from './model.js';
import { plansOf } from '../plans-of.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';

test.runIf(planned)('1,000 Adam steps with a cosine schedule are one plan; a smaller last batch makes it two', async () => {
  const { optimizer, lossOn, weights } = classifier({ lr: optim.schedules.cosine(0.01, 1000) });
  await weights();
  const steps = async (sizes: readonly number[]): Promise<void> => {
    for (const [step, size] of sizes.entries()) {
      lossOn(size, step).backward();
      await optimizer.step();
    }
  };
  expect(await plansOf(() => steps(Array.from({ length: 1000 }, () => 16)))).toBe(1);
  expect(await plansOf(() => steps([7, 16, 7]))).toBe(1);
});

const RULES: readonly (keyof typeof optim)[] = ['sgd', 'adam', 'adamw', 'adamax', 'nadam', 'radam', 'rmsprop', 'adagrad', 'adadelta', 'lion', 'lamb', 'adafactor', 'muon'];

test.runIf(planned).each(RULES)('%s at rates that are assigned and weight decays that fall is one plan', async (name) => {
  const { model, lossOn, weights } = classifier();
  const make = optim[name] as unknown as (parameters: Iterable<Parameter>, options: object) => optim.Optimizer;
  const weightDecay = optim.schedules.linear(0.1, 0, 20);
  const optimizer = make(model.parameters(), { lr: 0.1, weightDecay });
  const losses: number[] = [];
  await weights();
  const plans = await plansOf(async () => {
    for (let step = 0; step < 20; step++) {
      optimizer.lr = step % 2 === 0 ? 1e-3 / (1 + step) : optim.schedules.exponential(1e-3, 0.9);
      const loss = lossOn(16);
      loss.backward();
      await optimizer.step();
      losses.push(await loss.item());
    }
  });
  expect(plans).toBe(1);
  expect(new Set(losses).size).toBeGreaterThan(1);
});

test.runIf(planned)("a user's number that changes on every step makes no new plan", async () => {
  const { optimizer, lossOn, weights } = classifier();
  await weights();
  const plans = await plansOf(async () => {
    for (let step = 1; step <= 50; step++) {
      lossOn(4).mul(1 / step).backward();
      await optimizer.step();
    }
  });
  expect(plans).toBe(1);
});

test.runIf(planned)('a branch that flips switches between two plans', async () => {
  const { optimizer, lossOn, weights } = classifier();
  await weights();
  const plans = await plansOf(async () => {
    for (let step = 0; step < 40; step++) {
      const loss = lossOn(4, step);
      (step % 3 === 0 ? loss.add(loss.mul(loss)) : loss).backward();
      await optimizer.step();
    }
  });
  expect(plans).toBe(2);
});

test('a rate that is assigned between steps counts from the next step on', async () => {
  const { optimizer, lossOn, weights } = classifier({ lr: 0 });
  const before = await weights();
  lossOn(4).backward();
  await optimizer.step();
  expect(await weights()).toEqual(before);
  optimizer.lr = 0.1;
  lossOn(4).backward();
  await optimizer.step();
  expect(await weights()).not.toEqual(before);
});

test.runIf(planned)('predict(tensor, { batchSize }) is one plan for all batches, whatever the tensor is', async () => {
  const { model, optimizer, batch, weights } = classifier();
  const trainer = new Trainer(model as never, { loss: losses.crossEntropy, optimizer });
  await weights();
  const { x } = batch(640);
  const whole = await model.forward(x).data();
  const predict = async (inputs: Tensor): Promise<void> => {
    const predicted = await trainer.predict(inputs as never, { batchSize: 10 });
    expect(await predicted.data()).toEqual(whole);
  };
  expect(await plansOf(() => predict(x))).toBe(1);
  const computed = x.mul(1);
  expect(await plansOf(() => predict(computed as Tensor))).toBeLessThanOrEqual(1);
  const kept = x.add(0).keep();
  await kept.data();
  expect(await plansOf(() => predict(kept as Tensor))).toBeLessThanOrEqual(1);
});

test.runIf(planned)('a loop through slices of an input is one plan', async () => {
  const { model, optimizer, batch, weights } = classifier();
  await weights();
  const { x, labels } = batch(200);
  const plans = await plansOf(async () => {
    for (let start = 0; start < 200; start += 8) {
      losses.crossEntropy(model.forward(x.slice(start, start + 8)), labels.slice(start, start + 8)).backward();
      await optimizer.step();
    }
  });
  expect(plans).toBe(1);
});

test('a slice of an input has the rows that it names, and outlives no dispose() of what it was computed from before', async () => {
  const x = tensor([[1, 2], [3, 4], [5, 6]]);
  expect([...(await x.slice(1).data())]).toEqual([3, 4, 5, 6]);
  expect([...(await x.slice(-2, -1).data())]).toEqual([3, 4]);
  expect([...(await x.slice(1, 1).data())]).toEqual([]);
  expect([...(await x.slice(0, 9, { step: 2 }).data())]).toEqual([1, 2, 5, 6]);
  expect([...(await x.slice(1, 3).slice(1).mul(2).data())]).toEqual([10, 12]);
  const rows = await x.slice(1).data();
  rows[0] = 99;
  expect([...(await x.data())]).toEqual([1, 2, 3, 4, 5, 6]);
  x.dispose();
  expect(() => x.slice(1)).toThrow(expect.objectContaining({ code: 'ANNEAL_DISPOSED' }));
});

test.runIf(planned)("one model's many plans push out no other model's", async () => {
  const [a, b] = [classifier(), classifier()];
  const predict = ({ model, batch }: ReturnType<typeof classifier>, size: number): Promise<unknown> => model.forward(batch(size).x).data();
  await Promise.all([a.weights(), b.weights()]);
  await predict(b, 4);
  for (let size = 1; size <= 100; size++) await predict(a, size);
  expect(await plansOf(() => predict(b, 4))).toBe(0);
});

/** Warnings that `action` leads to, as code and text. */
async function warningsOf(action: () => Promise<unknown>): Promise<[code: string, text: string][]> {
  const warnings: [string, string][] = [];
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((text: string | Error, options?: unknown) => void warnings.push([(options as { code: string }).code, String(text)]));
  try {
    await action();
    return warnings;
  } finally {
    spy.mockRestore();
  }
}

test.runIf(planned)('a loop that plans most of its steps anew is warned of, once, with what differs; one of a few shapes is not', async () => {
  // Other files of this worker may have been warned already.
  vi.resetModules();
  const { optimizer, lossOn, weights } = (await import('./model.js')).classifier();
  await weights();
  const steps = async (count: number, sizeOf: (step: number) => number): Promise<void> => {
    for (let step = 0; step < count; step++) {
      lossOn(sizeOf(step), step).backward();
      await optimizer.step();
    }
  };
  expect(await warningsOf(() => steps(60, (step) => 3 + (step % 8)))).toEqual([]);
  const warnings = await warningsOf(() => steps(80, (step) => 20 + step));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]![0]).toBe('ANNEAL_MANY_PLANS');
  expect(warnings[0]![1]).toMatch(/^\[step\] \d+ of \d+ steps needed a new plan, .*: the input of \[(\d+),6\] float32 was the input of \[\d+,6\] float32\. Let steps be alike: /);
});

test.runIf(!planned)('debug mode names the call that makes a step unlike those before it, and where it is', async () => {
  const { model, optimizer, batch, weights } = classifier();
  await weights();
  const step = async (branch: boolean): Promise<void> => {
    const { x, labels } = batch(4);
    const logits = model.forward(x);
    losses.crossEntropy(branch ? logits.mul(2) : logits, labels).backward();
    await optimizer.step();
  };
  expect(await warningsOf(async () => [await step(false), await step(false)])).toEqual([]);
  const warnings = await warningsOf(async () => [await step(true), await step(true), await step(false)]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]![0]).toBe('ANNEAL_NEW_PLAN');
  expect(warnings[0]![1]).toMatch(/\[mul\] of \[4,3\] float32 \(.*plans\.test\.ts:\d+:\d+\) is recorded where \[crossEntropy\] of \[4\] float32 was\.$/);
});

test('an op that the references compile as its composition gives each call its own values', async () => {
  const of = async (values: number[]): Promise<number[]> => [...(await silu(tensor(values)).data()), ...(await layerNorm(tensor(values), 2).data())];
  for (const values of [[0, 1], [0, 3], [3, 0]]) {
    const [low, high] = [values[0]! < values[1]! ? -1 : 1, values[0]! < values[1]! ? 1 : -1];
    const expected = [...values.map((x) => x / (1 + Math.exp(-x))), low, high];
    (await of(values)).forEach((got, i) => expect(got).toBeCloseTo(expected[i]!, 4));
  }
});

// The plan of 1 * c, with which a gradient begins, leaves the multiplication out.
test('the plan of a gradient is not taken for that of another number times the same', async () => {
  const x = tensor(3, { requiresGrad: true });
  const c = tensor(7);
  const [slope] = grad(mul(x, c), [x]);
  expect([await slope.item(), await mul(5, c).item(), await mul(c, 5).item()]).toEqual([7, 35, 35]);
});
