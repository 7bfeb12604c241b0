// Optimizers against PyTorch: the parameter after each of 100 steps on gradients that are given.
import { expect, test } from 'vitest';
import { mul, optim, sum, tensor, type Parameter } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

type After = readonly Numbers[];
type Kind = 'sgd' | 'adam' | 'adamw' | 'adamax' | 'radam' | 'rmsprop' | 'adagrad' | 'adadelta';

interface Run {
  readonly kind: Kind;
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly after: After;
}

interface Fixture {
  readonly given: { readonly parameter: Numbers; readonly gradients: readonly Numbers[] };
  readonly runs: readonly Run[];
  readonly cosine: { readonly rates: readonly number[]; readonly after: After };
}

const { given, runs, cosine } = fixture<Fixture>('optimizers.json');
const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const floats = (values: Numbers): Float32Array => Float32Array.from(values, Number);

/** After n steps of sums, both sides have rounded n times, each in its own way. */
const TOLERANCE = { relative: 2e-5, ofLargest: 3e-6 };

/** Steps on L = sum(parameter * gradient), whose gradient is the given one, and compares after each step. */
async function compare(after: After, make: (parameters: Parameter[]) => optim.Optimizer): Promise<void> {
  const parameter = asParameter(tensor(floats(given.parameter)));
  const model = new Holder([parameter]);
  const optimizer = make(model.parameters());
  for (const [step, gradient] of given.gradients.entries()) {
    optimizer.zeroGrad();
    sum(mul(parameter, tensor(floats(gradient)))).backward();
    await optimizer.step();
    expectClose(`after step ${step + 1}`, await parameter.data(), after[step]!, TOLERANCE);
  }
}

test.each(runs.map((run): [string, Run] => [`${run.kind} ${JSON.stringify(run.options)}`, run]))('%s', async (_, run) => {
  const make = optim[run.kind];
  const options = Object.fromEntries(Object.entries(run.options).map(([name, value]) => [camel(name), value]));
  await compare(run.after, (parameters) => make(parameters, options));
});

test('adam with a rate that falls by half a cosine', async () => {
  const steps: number[] = [];
  await compare(cosine.after, (parameters) =>
    optim.adam(parameters, {
      lr: (step: number) => {
        steps.push(step);
        return cosine.rates[step]!;
      },
    }),
  );
  expect(steps[0]).toBe(0);
});
