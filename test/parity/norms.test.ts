// Normalisations against PyTorch: functions with their gradients, and layers, whose running statistics move with three training batches, then evaluation.
import { describe, expect, test } from 'vitest';
import { grad, groupNorm, instanceNorm, layerNorm, mul, nn, rmsNorm, sum, tensor, type Tensor } from 'anneal';
import { expectClose, fixture, named, type Args, type Case, type Numbers } from './fixtures.js';
import { check } from './gradients.js';

interface Step {
  readonly x: Numbers;
  readonly dy: Numbers;
  readonly y: Numbers;
  readonly grads: readonly Numbers[];
  readonly running: readonly Numbers[] | null;
}

interface Layer {
  readonly name: string;
  readonly layer: 'batchNorm1d' | 'instanceNorm1d';
  readonly shape: readonly number[];
  readonly options: object;
  readonly state: { readonly [name: string]: readonly number[] };
  readonly steps: readonly Step[];
  readonly evaluation: { readonly x: Numbers; readonly y: Numbers };
}

type NormArgs = Args & { readonly numGroups: number; readonly normalizedShape: number[]; readonly eps: number };
const { cases, layers } = fixture<{ cases: Case[]; layers: Layer[] }>('norms.json');

const functions: Readonly<Record<string, (inputs: readonly Tensor[], args: NormArgs) => Tensor>> = {
  groupNorm: ([x, weight, bias], { numGroups, eps }) => groupNorm(x!, numGroups, weight, bias, { eps }),
  instanceNorm: ([x, weight, bias], { eps }) => instanceNorm(x!, weight, bias, { eps }),
  layerNorm: ([x, weight, bias], { normalizedShape, eps }) => layerNorm(x!, normalizedShape, weight, bias, { eps }),
  rmsNorm: ([x, weight], { normalizedShape, eps }) => rmsNorm(x!, normalizedShape, weight, { eps }),
};

describe.each(Object.keys(functions))('%s', (op) => {
  test.each(named(cases, op))('%s', (_, row) => check(row, (inputs) => functions[op]!(inputs, row.args as NormArgs)));
});

/** Both round sums of some hundred terms, in other orders. */
const TOLERANCE = { relative: 1e-5, ofLargest: 2e-6 };

describe('layers', () => {
  test.each(layers.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { shape } = row;
    const layer = nn[row.layer](shape[1]!, row.options) as nn.BatchNorm | nn.InstanceNorm;
    await layer.loadStateDict(Object.fromEntries(Object.entries(row.state).map(([name, values]) => [name, Float32Array.from(values)])), { strict: false });
    const given = (values: Numbers, requiresGrad = false): Tensor => tensor(Float32Array.from(values, Number), { shape, requiresGrad }) as Tensor;
    for (const [i, step] of row.steps.entries()) {
      const x = given(step.x, true);
      const y = layer.forward(x);
      const slopes = grad(sum(mul(y, given(step.dy))), [x, ...layer.parameters()] as Tensor[]);
      expectClose('y', await y.data(), step.y, TOLERANCE);
      for (const [k, slope] of slopes.entries()) expectClose(`gradient ${k}`, await slope.data(), step.grads[k]!, TOLERANCE);
      expect(layer.runningMean === undefined).toBe(step.running === null);
      if (step.running === null) continue;
      expectClose('running mean', await layer.runningMean!.data(), step.running[0]!, TOLERANCE);
      expectClose('running variance', await layer.runningVar!.data(), step.running[1]!, TOLERANCE);
      expect([...(await layer.numBatchesTracked!.data())]).toEqual([i + 1]);
    }
    layer.eval();
    expectClose('evaluation', await layer.forward(given(row.evaluation.x)).data(), row.evaluation.y, TOLERANCE);
  });
});
