// Clipping against torch.nn.utils.clip_grad_norm_ and clip_grad_value_: the parameters after each step, and the norms.
import { expect, test } from 'vitest';
import { add, mul, optim, sum, tensor } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

interface Run {
  readonly clip: optim.Clip;
  readonly adam: boolean;
  readonly after: readonly Numbers[];
  readonly norms: Numbers;
}

interface Fixture {
  readonly given: readonly { readonly shape: readonly number[]; readonly parameter: Numbers; readonly gradients: readonly Numbers[] }[];
  readonly runs: readonly Run[];
}

const { given, runs } = fixture<Fixture>('clipping.json');
const TOLERANCE = { relative: 2e-5, ofLargest: 3e-6 };

test.each(runs.map((run): [string, Run] => [`${JSON.stringify(run.clip)} with ${run.adam ? 'Adam' : 'SGD'}`, run]))('%s', async (_, { clip, adam, after, norms }) => {
  const parameters = given.map(({ parameter, shape }) => asParameter(tensor(Float32Array.from(parameter, Number), { shape })));
  const all = new Holder(parameters).parameters();
  const optimizer = adam ? optim.adam(all, { lr: 0.01, clip }) : optim.sgd(all, { lr: 0.1, momentum: 0.9, clip });
  for (const [step, expected] of after.entries()) {
    const losses = given.map(({ gradients, shape }, i) => sum(mul(parameters[i]!, tensor(Float32Array.from(gradients[step]!, Number), { shape }))));
    losses.reduce((a, b) => add(a, b)).backward();
    await optimizer.step();
    const values = await Promise.all(parameters.map((parameter) => parameter.data()));
    expectClose(`after step ${step + 1}`, Float32Array.from(values.flatMap((value) => [...value])), expected, TOLERANCE);
    if (!('value' in clip)) expect(await optimizer.gradientNorm()).toBeCloseTo(Number(norms[step]), 5);
  }
});
