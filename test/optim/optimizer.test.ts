// Optimizers: what they refuse, how their state comes out and goes in. Their arithmetic is in test/parity/optimizers.test.ts.
import { describe, expect, test } from 'vitest';
import { nn, optim, ones, Parameter, seed, sum, zeros } from 'anneal';
import { fails, refuses } from '../nn/fails.js';

type Make = (parameters: Parameter[]) => optim.Optimizer;

const rules: Readonly<Record<string, Make>> = {
  sgd: (parameters) => optim.sgd(parameters, { lr: 0.1 }),
  momentum: (parameters) => optim.sgd(parameters, { lr: optim.schedules.cosine(0.1, 9), momentum: 0.9, nesterov: true }),
  adam: (parameters) => optim.adam(parameters, { lr: optim.schedules.cosine(0.1, 9) }),
  adamw: (parameters) => optim.adamw(parameters),
  amsgrad: (parameters) => optim.adam(parameters, { lr: 0.1, amsgrad: true, weightDecay: 0.1 }),
  adamax: (parameters) => optim.adamax(parameters),
  nadam: (parameters) => optim.nadam(parameters, { momentumDecay: 0.1 }),
  radam: (parameters) => optim.radam(parameters, { betas: [0.9, 0.9] }),
  rmsprop: (parameters) => optim.rmsprop(parameters),
  'centered rmsprop with momentum': (parameters) => optim.rmsprop(parameters, { centered: true, momentum: optim.schedules.linear(0.5, 0.9, 6) }),
  adagrad: (parameters) => optim.adagrad(parameters, { lrDecay: 0.1, initialAccumulatorValue: 0.5 }),
  adadelta: (parameters) => optim.adadelta(parameters),
  lion: (parameters) => optim.lion(parameters, { weightDecay: 0.1 }),
  lamb: (parameters) => optim.lamb(parameters),
};

function model(): nn.Sequential<[3], [2]> {
  seed(2);
  return nn.sequential([3], nn.linear(3, 4), nn.tanh(), nn.linear(4, 2));
}

async function steps(of: nn.Module, optimizer: optim.Optimizer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    optimizer.zeroGrad();
    sum(of.forward(ones([2, 3]))).backward();
    await optimizer.step();
  }
}

const weights = async (of: nn.Module): Promise<number[][]> => Promise.all(of.parameters().map(async (parameter) => [...(await parameter.data())]));

describe.each(Object.keys(rules))('the state of %s', (rule) => {
  test('goes on in another process with the same bits', async () => {
    const straight = model();
    await steps(straight, rules[rule]!(straight.parameters()), 6);

    const first = model();
    const optimizer = rules[rule]!(first.parameters());
    await steps(first, optimizer, 3);
    const second = model();
    const resumed = rules[rule]!(second.parameters());
    await second.loadStateDict(first.stateDict());
    await resumed.loadStateDict(optimizer.stateDict());
    expect(resumed.steps).toBe(3);
    expect(resumed.lr).toBe(optimizer.lr);
    await steps(second, resumed, 3);
    expect(await weights(second)).toEqual(await weights(straight));
  });
});

test('state is keyed by parameter name', async () => {
  const m = model();
  const optimizer = optim.adam(m.parameters());
  await steps(m, optimizer, 2);
  const state = optimizer.stateDict();
  expect([...state.keys()].slice(0, 4)).toEqual(['steps', '0.weight.expAvg', '0.weight.expAvgSq', '0.weight.step']);
  expect(state.get('steps')).toMatchObject({ dtype: 'int32', data: Int32Array.of(2) });
  const before = await weights(m);
  state.delete('2.bias.expAvg');
  await fails(optimizer.loadStateDict(state), 'ANNEAL_STATE_MISMATCH', /lacks '2.bias.expAvg'/);
  const other = optim.sgd(m.parameters(), { lr: 0.1, momentum: 0.9 });
  await fails(other.loadStateDict(optimizer.stateDict()), 'ANNEAL_STATE_MISMATCH', /of another optimizer: it lacks '0.weight.momentumBuffer'.*it has '0.weight.expAvg'.*by the same function/);
  await fails(optim.sgd(m.parameters()).loadStateDict(optimizer.stateDict()), 'ANNEAL_STATE_MISMATCH', /it has '0.weight.expAvg'.* which is not here/);
  await fails(optim.adam(m.parameters(), { average: optim.lookahead() }).loadStateDict(optimizer.stateDict()), 'ANNEAL_STATE_MISMATCH', /it lacks '0.weight.average'/);
  await fails(optimizer.loadStateDict(null as never), 'ANNEAL_INVALID_ARGUMENT', /\[loadStateDict\] state: got null/);
  const odd = optimizer.stateDict().set('0.bias.step', { shape: [], dtype: 'int32', data: Int32Array.of(-1) });
  await fails(optimizer.loadStateDict(odd), 'ANNEAL_STATE_MISMATCH', /'0.bias.step' is no count of steps: got -1/);
  await fails(other.loadStateDict({}), 'ANNEAL_STATE_MISMATCH', /lacks 'steps'/);
  expect(optimizer.steps).toBe(2);
  expect(await weights(m)).toEqual(before);
});

test('a parameter that no loss reaches keeps its value and its step count', async () => {
  const m = model();
  const optimizer = optim.adam(m.parameters(), { weightDecay: 0.1 });
  const [first, second] = [m.layers[0] as nn.Linear, m.layers[2] as nn.Linear];
  const before = await second.weight.data();
  sum(first.forward(ones([1, 3]))).backward();
  await optimizer.step();
  expect(await second.weight.data()).toEqual(before);
  const step = (name: string): unknown => (optimizer.stateDict().get(name) as { data: Int32Array }).data[0];
  expect([step('0.weight.step'), step('2.weight.step')]).toEqual([1, 0]);
});

test('lr may be read, assigned, and a function of the steps done', async () => {
  const m = model();
  const asked: number[] = [];
  const optimizer = optim.sgd(m.parameters(), { lr: (step) => (asked.push(step), 0) });
  const before = await weights(m);
  await steps(m, optimizer, 3);
  expect(asked).toEqual([0, 1, 2]);
  expect(await weights(m)).toEqual(before);
  optimizer.lr = 0.5;
  expect(optimizer.lr).toBe(0.5);
  await steps(m, optimizer, 1);
  expect(await weights(m)).not.toEqual(before);
});

test('a schedule that gives no number fails its step, and nothing else', async () => {
  const m = model();
  const optimizer = optim.sgd(m.parameters(), { lr: (step) => (step === 1 ? Number.NaN : 0.1) });
  await steps(m, optimizer, 1);
  await fails(steps(m, optimizer, 1), 'ANNEAL_INVALID_ARGUMENT', /lr of step 1 is NaN, expected a finite number of at least 0/);
  expect(optimizer.steps).toBe(1);
  optimizer.lr = 0.1;
  await steps(m, optimizer, 1);
  expect(optimizer.steps).toBe(2);
});

test('what a schedule gives has the range that a number has', async () => {
  const step = async (make: Make): Promise<void> => {
    const m = model();
    await steps(m, make(m.parameters()), 1);
  };
  await fails(step((parameters) => optim.sgd(parameters, { lr: () => -1 })), 'ANNEAL_INVALID_ARGUMENT', /lr of step 0 is -1, expected a finite number of at least 0/);
  await fails(step((parameters) => optim.adam(parameters, { betas: [() => 1, 0.9] })), 'ANNEAL_INVALID_ARGUMENT', /\[adam\] beta1 of step 0 is 1, expected a number in \[0, 1\)/);
  await fails(step((parameters) => optim.adam(parameters, { betas: [0.9, () => Infinity] })), 'ANNEAL_INVALID_ARGUMENT', /beta2 of step 0 is Infinity/);
  await fails(step((parameters) => optim.lion(parameters, { weightDecay: () => -0.1 })), 'ANNEAL_INVALID_ARGUMENT', /weightDecay of step 0 is -0.1/);
  await fails(step((parameters) => optim.muon(parameters, { momentum: () => 1.5 })), 'ANNEAL_INVALID_ARGUMENT', /momentum of step 0 is 1.5, expected a number in \[0, 1\)/);
  await step((parameters) => optim.sgd(parameters, { momentum: () => 1.5 }));
});

test('refuses what is no parameter and numbers out of range', () => {
  const parameters = model().parameters();
  refuses(() => optim.sgd([]), 'ANNEAL_INVALID_ARGUMENT', /no parameters/);
  refuses(() => optim.sgd(model() as never), 'ANNEAL_INVALID_ARGUMENT', /Pass model.parameters\(\)/);
  refuses(() => optim.sgd([new Parameter([1], () => zeros([1]), { requiresGrad: false })]), 'ANNEAL_INVALID_ARGUMENT', /require gradients/);
  refuses(() => optim.sgd([...parameters, parameters[0]!]), 'ANNEAL_INVALID_ARGUMENT', /twice/);
  refuses(() => optim.adam(parameters, { lr: -1 }), 'ANNEAL_INVALID_ARGUMENT', /lr: got -1/);
  refuses(() => optim.adam(parameters, { lr: '1' as never }), 'ANNEAL_INVALID_ARGUMENT', /lr: got '1', expected a number or a function/);
  refuses(() => optim.adam(parameters, { betas: [0.9, 1] }), 'ANNEAL_INVALID_ARGUMENT', /betas\[1\]: got 1/);
  refuses(() => optim.adam(parameters, { weightdecay: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean weightDecay/);
  refuses(() => optim.adamw(parameters, { decoupled: false } as never), 'ANNEAL_UNKNOWN_OPTION', /decoupled/);
  refuses(() => optim.sgd(parameters, { nesterov: true }), 'ANNEAL_INVALID_ARGUMENT', /nesterov/);
});
