// Schedules against torch.optim.lr_scheduler, step by step. make_schedules.py writes schedules.json.
import { expect, test } from 'vitest';
import { optim } from 'anneal';
import { fixture } from './fixtures.js';

const { constant, cosine, cosineRestarts, cyclic, exponential, linear, multiStep, oneCycle, polynomial, product, reduceOnPlateau, sequence, step } = optim.schedules;
type Pair = { readonly lr: optim.Schedule; readonly momentum?: optim.Schedule };

interface Fixture {
  readonly cases: readonly { readonly name: string; readonly rates: readonly number[]; readonly momenta?: readonly number[] }[];
  readonly plateaus: readonly { readonly name: string; readonly metrics: readonly (number | string)[]; readonly rates: readonly number[] }[];
}

const { cases, plateaus } = fixture<Fixture>('schedules.json');
const lr = (schedule: optim.Schedule): Pair => ({ lr: schedule });
const beside = (options: Parameters<typeof cyclic>[2]): Pair => ({ lr: cyclic(0.1, 0.5, options), momentum: cyclic(0.9, 0.8, options) });

const built: Readonly<Record<string, Pair>> = {
  'constant factor 1': lr(constant(0.1)),
  'linear 0.02 to 0.1 in 8': lr(linear(0.02, 0.1, 8)),
  'linear 0.1 to 0.05 in 20': lr(linear(0.1, 0.05, 20)),
  'step every 7': lr(step(0.1, 7)),
  'step every 5 gamma 0.9': lr(step(0.1, 5, { gamma: 0.9 })),
  'multiStep at 3 9 10 gamma 0.5': lr(multiStep(0.1, [3, 9, 10], { gamma: 0.5 })),
  'exponential gamma 0.93': lr(exponential(0.1, 0.93)),
  'polynomial in 24': lr(polynomial(0.1, 24)),
  'polynomial in 24 power 2': lr(polynomial(0.1, 24, { power: 2 })),
  'polynomial in 24 power 0.9': lr(polynomial(0.1, 24, { power: 0.9 })),
  'polynomial in 24 power 2.5': lr(polynomial(0.1, 24, { power: 2.5 })),
  'cosine in 40': lr(cosine(0.1, 40)),
  'cosine in 40 min 0.02': lr(cosine(0.1, 40, { min: 0.02 })),
  'cosineRestarts every 9': lr(cosineRestarts(0.1, 9)),
  'cosineRestarts 4 factor 2 min 0.01': lr(cosineRestarts(0.1, 4, { factor: 2, min: 0.01 })),
  cyclic: beside({ up: 6 }),
  'cyclic up 3 down 8 triangular2': beside({ up: 3, down: 8, mode: 'triangular2' }),
  'cyclic exponential': beside({ up: 6, mode: 'exponential', gamma: 0.95 }),
  oneCycle: oneCycle(0.4, 41),
  'oneCycle linear rise 0.4': oneCycle(0.4, 41, { rise: 0.4, shape: 'linear', divide: 10, finalDivide: 100 }),
  'oneCycle three phases': oneCycle(0.4, 41, { rise: 0.4, threePhases: true, momentum: [0.7, 0.9] }),
  sequence: lr(sequence([step(0.1, 2, { gamma: 0.5 }), 7], [exponential(0.1, 0.9)])),
  product: lr(product(step(0.1, 5, { gamma: 0.5 }), exponential(1, 0.9))),
};

/** Torch multiplies step by step, which rounds each time. */
function expectEqual(what: string, got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  got.forEach((value, at) => {
    if (!(Math.abs(value - want[at]!) <= 1e-12 * Math.abs(want[at]!) + 1e-17)) expect.fail(`${what} of step ${at} is ${value}, torch has ${want[at]}`);
  });
}

test('every case is compared', () => {
  expect(Object.keys(built).toSorted()).toEqual(cases.map(({ name }) => name).toSorted());
});

test.each(cases.map((row) => [row.name, row] as const))('%s', (name, { rates, momenta }) => {
  const { lr, momentum } = built[name]!;
  expectEqual('rate', rates.map((_, at) => lr(at)), rates);
  if (momenta !== undefined) expectEqual('momentum', momenta.map((_, at) => momentum!(at)), momenta);
});

const options: Readonly<Record<string, Parameters<typeof reduceOnPlateau>[1]>> = {
  'min relative': { patience: 2, factor: 0.5 },
  'max absolute cooldown': { mode: 'max', patience: 1, factor: 0.3, threshold: 0.05, thresholdMode: 'absolute', cooldown: 2 },
  bounded: { patience: 0, factor: 0.1, min: 0.004 },
  'from infinity': { patience: 1, factor: 0.5 },
};

test.each(plateaus.map((row) => [row.name, row] as const))('reduceOnPlateau: %s', (name, { metrics, rates }) => {
  const schedule = reduceOnPlateau(0.1, options[name]);
  const got = metrics.map((metric) => {
    const before = schedule(0);
    expect(schedule.observe(Number(metric))).toBe(schedule(0) < before);
    return schedule(0);
  });
  expectEqual('rate', got, rates);
});
