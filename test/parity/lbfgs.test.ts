// L-BFGS against PyTorch: the loss and the parameter of each step, and how often the closure was called.
import { describe, expect, test } from 'vitest';
import { add, exp, mul, optim, slice, sub, sum, tensor, type Tensor } from 'anneal';
import { fails, refuses } from '../nn/fails.js';
import { expectClose, fixture, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

interface Run {
  readonly problem: 'convex' | 'rosenbrock';
  readonly options: Readonly<Record<string, number | string>>;
  readonly start: Numbers;
  readonly losses: Numbers;
  readonly after: readonly Numbers[];
  readonly evaluations: number;
}

const { lbfgs: runs } = fixture<{ readonly lbfgs: readonly Run[] }>('optimizers-2.json');
const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

const problems = {
  convex: (x: Tensor): Tensor => sum(add(sub(exp(x), mul(x, 3)), mul(x, x))),
  rosenbrock: (x: Tensor): Tensor => {
    const [here, next] = [slice(x, 0, 4), slice(x, 1, 5)];
    const [valley, goal] = [sub(next, mul(here, here)), sub(1, here)];
    return sum(add(mul(mul(valley, valley), 100), mul(goal, goal)));
  },
};

/** An optimizer of one parameter, and the closure of a problem. */
function minimizing(problem: keyof typeof problems, start: readonly number[], options: optim.LbfgsOptions = {}) {
  const parameter = asParameter(tensor(Float32Array.from(start)));
  const optimizer = optim.lbfgs(new Holder([parameter]).parameters(), options);
  const closure = (): Tensor => {
    const loss = problems[problem](parameter);
    loss.backward();
    return loss;
  };
  return { parameter, optimizer, closure };
}

const START = [0.5, 0.7, 0.2, -0.4, 0.5];

describe('lbfgs', () => {
  test.each(runs.map((run): [string, Run] => [`${run.problem} ${JSON.stringify(run.options)}`, run]))('%s', async (_, run) => {
    const options = Object.fromEntries(Object.entries(run.options).map(([name, value]) => [camel(name), typeof value === 'string' ? camel(value) : value]));
    const { parameter, optimizer, closure } = minimizing(run.problem, run.start.map(Number), options);
    for (const [step, after] of run.after.entries()) {
      const loss = await optimizer.step(closure);
      // Both round at each of some ten evaluations, and a step follows from differences of gradients.
      expectClose(`loss of step ${step + 1}`, [loss], [run.losses[step]!], { relative: 1e-3, ofLargest: 1e-4 });
      expectClose(`after step ${step + 1}`, await parameter.data(), after, { relative: 1e-3, ofLargest: 1e-4 });
    }
    expect(optimizer.evaluations).toBe(run.evaluations);
  });

  test('finds the minimum of a valley that gradient descent crawls along, by an asynchronous closure', async () => {
    const { parameter, optimizer, closure } = minimizing('rosenbrock', START, { lineSearchFn: 'strongWolfe', maxIter: 100 });
    await optimizer.step(async () => Promise.resolve(closure()));
    for (const x of await parameter.data()) expect(x).toBeCloseTo(1, 2);
  });

  test('goes on from a state as if there had been no break', async () => {
    const options = { lineSearchFn: 'strongWolfe', maxIter: 2, historySize: 3 } as const;
    const whole = minimizing('rosenbrock', START, options);
    for (let i = 0; i < 3; i++) await whole.optimizer.step(whole.closure);
    const other = minimizing('rosenbrock', [...(await whole.parameter.data())], options);
    await other.optimizer.loadStateDict(whole.optimizer.stateDict());
    expect(other.optimizer.evaluations).toBe(whole.optimizer.evaluations);
    for (let i = 0; i < 3; i++) expect(await other.optimizer.step(other.closure)).toBe(await whole.optimizer.step(whole.closure));
    expect(await other.parameter.data()).toEqual(await whole.parameter.data());
    await fails(other.optimizer.loadStateDict({ counts: Int32Array.of(1, 1, 0) }), 'ANNEAL_STATE_MISMATCH', /lacks 'counts' or 'numbers'/);
    await fails(other.optimizer.loadStateDict(new Map([...whole.optimizer.stateDict()].filter(([name]) => name !== 'd'))), 'ANNEAL_STATE_MISMATCH', /another optimizer: .*'d'/);
  });

  test('gives the parameters back where a closure throws in the middle of a line', async () => {
    const { parameter, optimizer, closure } = minimizing('rosenbrock', START, { lineSearchFn: 'strongWolfe' });
    let calls = 0;
    await expect(
      optimizer.step(() => {
        if (++calls === 2) throw new Error('the data are gone');
        return closure();
      }),
    ).rejects.toThrow('the data are gone');
    expect(await parameter.data()).toEqual(Float32Array.from(START));
  });

  test('refuses what it cannot work with', async () => {
    const { optimizer, closure } = minimizing('convex', START);
    await fails(optimizer.step(() => 3 as unknown as Tensor), 'ANNEAL_INVALID_ARGUMENT', /closure gave 3, expected a loss/);
    await fails(optimizer.step(() => problems.convex(tensor(START))), 'ANNEAL_GRADIENT', /left no gradient.*loss\.backward\(\)/);
    await fails(optimizer.step(() => mul(closure(), NaN)), 'ANNEAL_NON_FINITE', /\[lbfgs\] the loss is not finite: got NaN/);
    refuses(() => optim.lbfgs([]), 'ANNEAL_INVALID_ARGUMENT', /no list of parameters/);
    refuses(() => optim.lbfgs(optimizer.parameters, { maxIter: 0 }), 'ANNEAL_INVALID_ARGUMENT', /maxIter: got 0/);
    refuses(() => optim.lbfgs(optimizer.parameters, { lineSearchFn: 'armijo' as 'strongWolfe' }), 'ANNEAL_INVALID_ARGUMENT', /lineSearchFn.*armijo/);
    refuses(() => optim.lbfgs(optimizer.parameters, { weightDecay: 1 } as optim.LbfgsOptions), 'ANNEAL_UNKNOWN_OPTION', /weightDecay/);
  });
});
