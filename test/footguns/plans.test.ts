import { optim, type Parameter } from 'anneal';
import { expect, test } from 'vitest';
import { engine } from '../../src/graph/engine.js';
import type { PlannedEngine } from '../../src/runtime/engine.js';
import { classifier } from './model.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const programs = (): number => (engine() as PlannedEngine).session.native.stats().programs;

test.runIf(planned)('1,000 Adam steps with a cosine schedule are one plan; a smaller last batch makes it two', async () => {
  const { optimizer, lossOn, weights } = classifier({ lr: optim.schedules.cosine(0.01, 1000) });
  await weights();
  const before = programs();
  for (let step = 0; step < 1000; step++) {
    lossOn(16, step).backward();
    await optimizer.step();
  }
  expect(programs() - before).toBe(1);
  lossOn(7).backward();
  await optimizer.step();
  expect(programs() - before).toBe(2);
});

const RULES: readonly (keyof typeof optim)[] = ['sgd', 'adam', 'adamw', 'adamax', 'nadam', 'radam', 'rmsprop', 'adagrad', 'adadelta', 'lion', 'lamb', 'adafactor', 'muon'];

test.runIf(planned).each(RULES)('%s at rates that are assigned and weight decays that fall is one plan', async (name) => {
  const { model, lossOn, weights } = classifier();
  const make = optim[name] as unknown as (parameters: Iterable<Parameter>, options: object) => optim.Optimizer;
  const weightDecay = optim.schedules.linear(0.1, 0, 20);
  const optimizer = make(model.parameters(), { lr: 0.1, weightDecay });
  const losses: number[] = [];
  await weights();
  let first = 0;
  for (let step = 0; step < 20; step++) {
    optimizer.lr = step % 2 === 0 ? 1e-3 / (1 + step) : optim.schedules.exponential(1e-3, 0.9);
    const loss = lossOn(16);
    loss.backward();
    await optimizer.step();
    losses.push(await loss.item());
    if (step === 0) first = programs();
  }
  expect(programs()).toBe(first);
  expect(new Set(losses).size).toBeGreaterThan(1);
});

test.runIf(planned)("a user's number that changes on every step makes no new plan", async () => {
  const { optimizer, lossOn, weights } = classifier();
  await weights();
  const before = programs();
  for (let step = 1; step <= 50; step++) {
    lossOn(4).mul(1 / step).backward();
    await optimizer.step();
  }
  expect(programs() - before).toBe(1);
});

test.runIf(planned)('a branch that flips switches between two plans', async () => {
  const { optimizer, lossOn, weights } = classifier();
  await weights();
  const before = programs();
  for (let step = 0; step < 40; step++) {
    const loss = lossOn(4, step);
    (step % 3 === 0 ? loss.add(loss.mul(loss)) : loss).backward();
    await optimizer.step();
  }
  expect(programs() - before).toBe(2);
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
