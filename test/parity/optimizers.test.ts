// Optimizers against PyTorch: the parameter after each of 100 steps on gradients that are given.
import { expect, test } from 'vitest';
import { mul, optim, sum, tensor, type Parameter } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

type After = readonly Numbers[];
type Kind = 'sgd' | 'adam' | 'adamw' | 'adamax' | 'nadam' | 'radam' | 'rmsprop' | 'adagrad' | 'adadelta' | 'asgd' | 'rprop' | 'adafactor';

interface Run {
  readonly kind: Kind;
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly shape?: readonly number[];
  readonly after: After;
}

interface Given {
  readonly parameter: Numbers;
  readonly gradients: readonly Numbers[];
}

interface Fixture {
  readonly given: Given;
  readonly runs: readonly Run[];
  readonly cosine: { readonly rates: readonly number[]; readonly after: After };
}

const { given, runs, cosine } = fixture<Fixture>('optimizers.json');
/** Of PyTorch 2.6. */
const newer = fixture<Fixture & { readonly matrix: Given }>('optimizers-2.json');
/** PyTorch's names of options that are others here. */
const NAMES: Readonly<Record<string, string>> = { decoupled_weight_decay: 'decoupled', d: 'clipThreshold' };
const camel = (name: string): string => NAMES[name] ?? name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const floats = (values: Numbers): Float32Array => Float32Array.from(values, Number);

/** After n steps of sums, both sides have rounded n times, each in its own way. */
const TOLERANCE = { relative: 2e-5, ofLargest: 3e-6 };

/** Steps on L = sum(parameter * gradient), whose gradient is the given one, and compares after each step. */
async function compare(after: After, make: (parameters: Parameter[]) => optim.Optimizer, from = given, shape: readonly number[] = [from.parameter.length]): Promise<void> {
  const parameter = asParameter(tensor(floats(from.parameter), { shape }));
  const model = new Holder([parameter]);
  const optimizer = make(model.parameters());
  for (const [step, gradient] of from.gradients.entries()) {
    optimizer.zeroGrad();
    sum(mul(parameter, tensor(floats(gradient), { shape }))).backward();
    await optimizer.step();
    expectClose(`after step ${step + 1}`, await parameter.data(), after[step]!, TOLERANCE);
  }
}

test.each([...runs, ...newer.runs].map((run): [string, Run] => [`${run.kind} ${JSON.stringify(run.options)}`, run]))('%s', async (_, run) => {
  // One signature for all of them, as the compiler would try each with each.
  const make = optim[run.kind] as (parameters: Parameter[], options: object) => optim.Optimizer;
  const options = Object.fromEntries(Object.entries(run.options).map(([name, value]) => [camel(name), value]));
  await compare(run.after, (parameters) => make(parameters, options), run.shape?.length === 2 ? newer.matrix : given, run.shape);
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
