// Averages of weights against torch.optim.swa_utils.AveragedModel, after each of 100 steps.
import { test } from 'vitest';
import { mul, optim, sum, tensor } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

interface Run {
  readonly kind: 'exponential' | 'stochastic';
  readonly decay: number;
  readonly start: number;
  readonly every: number;
  readonly after: readonly Numbers[];
}

const { runs } = fixture<{ readonly runs: readonly Run[] }>('averages.json');
const { given } = fixture<{ readonly given: { readonly parameter: Numbers; readonly gradients: readonly Numbers[] } }>('optimizers.json');
const TOLERANCE = { relative: 2e-5, ofLargest: 3e-6 };

test.each(runs.map((run): [string, Run] => [run.kind, run]))('%s', async (_, { kind, decay, start, every, after }) => {
  const parameter = asParameter(tensor(Float32Array.from(given.parameter, Number)));
  const average = kind === 'exponential' ? optim.exponentialMovingAverage({ decay }) : optim.stochasticWeightAveraging({ start, every });
  const optimizer = optim.adam(new Holder([parameter]).parameters(), { lr: 0.05, average });
  for (const [step, gradient] of given.gradients.entries()) {
    sum(mul(parameter, tensor(Float32Array.from(gradient, Number)))).backward();
    await optimizer.step();
    // Before the first one is averaged, PyTorch's model holds what the weights were when it was made.
    if (kind === 'stochastic' && step < start) continue;
    const averaged = await optimizer.withAverage(() => parameter.data());
    expectClose(`after step ${step + 1}`, averaged, after[step]!, TOLERANCE);
  }
});
