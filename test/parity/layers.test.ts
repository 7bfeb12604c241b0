// Layers against PyTorch, with the weights of the fixtures: values, gradients of inputs and of parameters, first weights.
import { describe, expect, test } from 'vitest';
import { nn, Parameter, seed, type Module, type Tensor } from 'anneal';
import { asTensor, expectClose, fixture, type Case } from './fixtures.js';
import { check } from './gradients.js';

interface Bound {
  readonly inputs: number;
  readonly outputs: number;
  /** 1 / sqrt(inputs): PyTorch's weights and biases are uniform in [-bound, bound). */
  readonly bound: number;
}

const { cases, bounds } = fixture<{ cases: Case[]; bounds: Bound[] }>('layers.json');
const sizes = ({ inputs }: Case, i: number): number[] => [...inputs[i]!.shape];

/** The layer of a case; parameters in the order in which the case's inputs follow the first. */
const layers: Readonly<Record<string, (row: Case) => Module>> = {
  linear: (row) => nn.linear(sizes(row, 1)[1]!, sizes(row, 1)[0]!, { bias: row.inputs.length > 2 }),
  relu: () => nn.relu(),
  gelu: () => nn.gelu(),
  tanh: () => nn.tanh(),
  sigmoid: () => nn.sigmoid(),
  flatten: () => nn.flatten(),
  sequential: (row) => nn.sequential([7], [nn.linear(7, sizes(row, 1)[0]!), nn.relu(), nn.linear(sizes(row, 3)[1]!, sizes(row, 3)[0]!)]),
  'dropout in evaluation': () => nn.dropout(0.5).eval(),
};

describe.each(Object.keys(layers))('%s', (op) => {
  test.each(cases.filter((row) => row.op === op))('$name', async (row) => {
    const model = layers[op]!(row);
    const names = model.parameters().map((parameter) => parameter.name);
    await check(row, ([x, ...weights]) => withWeights(model, names, weights, x!));
  });
});

/** The layer's result with `weights` in the place of its parameters, so that gradients reach what the test handed over. */
function withWeights(model: Module, names: readonly string[], weights: readonly Tensor[], x: Tensor): Tensor {
  names.forEach((name, i) => replace(model, name, weights[i]!));
  return model.forward(x);
}

function replace(module: Module, path: string, weight: Tensor): void {
  const [head, ...rest] = path.split('.') as [string, ...string[]];
  if (rest.length > 0) return replace((module as unknown as Record<string, Module>)[head] ?? module.children().at(Number(head))!, rest.join('.'), weight);
  Object.assign(module, { [head]: weight });
}

test.each(bounds)('the first weights of linear($inputs, $outputs) are as spread as PyTorch’s', async ({ inputs, outputs, bound }) => {
  seed(1);
  for (const parameter of nn.linear(inputs, outputs).parameters()) {
    const values = await parameter.data();
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest, parameter.name).toBeGreaterThan(bound * (1 - 10 / values.length));
  }
});
