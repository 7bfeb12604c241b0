// Optimizers against PyTorch: the parameter after each of 20 steps on gradients that are given.
import { expect, test } from 'vitest';
import { mul, optim, sum, tensor, type Parameter } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

interface Given {
  readonly parameter: Numbers;
  readonly gradients: readonly Numbers[];
  readonly after: readonly Numbers[];
}

interface Run extends Given {
  readonly kind: 'sgd' | 'adam' | 'adamw';
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>;
}

const { runs, cosine } = fixture<{ runs: Run[]; cosine: Given & { rates: readonly number[] } }>('optimizers.json');
const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const floats = (values: Numbers): Float32Array => Float32Array.from(values, Number);

/** Steps on L = sum(parameter * gradient), whose gradient is the given one, and compares after each step. */
async function compare(given: Given, make: (parameters: Parameter[]) => optim.Optimizer): Promise<void> {
  const parameter = asParameter(tensor(floats(given.parameter)));
  const model = new Holder([parameter]);
  const optimizer = make(model.parameters());
  for (const [step, gradient] of given.gradients.entries()) {
    optimizer.zeroGrad();
    sum(mul(parameter, tensor(floats(gradient)))).backward();
    await optimizer.step();
    expectClose(`after step ${step + 1}`, await parameter.data(), given.after[step]!);
  }
}

test.each(runs.map((run): [string, Run] => [`${run.kind} ${JSON.stringify(run.options)}`, run]))('%s', async (_, run) => {
  const make = optim[run.kind];
  const options = Object.fromEntries(Object.entries(run.options).map(([name, value]) => [camel(name), value]));
  await compare(run, (parameters) => make(parameters, options));
});

test('adam with a rate that falls by half a cosine', async () => {
  const steps: number[] = [];
  await compare(cosine, (parameters) =>
    optim.adam(parameters, {
      lr: (step: number) => {
        steps.push(step);
        return cosine.rates[step]!;
      },
    }),
  );
  expect(steps[0]).toBe(0);
});
