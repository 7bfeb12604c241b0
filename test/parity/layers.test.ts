// Layers against PyTorch, with the weights of the fixtures: values, gradients of inputs and of parameters, first weights.
import { describe, expect, test } from 'vitest';
import { mul, nn, seed, sum, type Parameter, type Tensor } from 'anneal';
import { asTensor, expectClose, fixture, named, type Case } from './fixtures.js';
import { asParameter } from './gradients.js';

interface Bound {
  readonly inputs: number;
  readonly outputs: number;
  /** 1 / sqrt(inputs): PyTorch's weights and biases are uniform in [-bound, bound). */
  readonly bound: number;
}

const { cases, bounds } = fixture<{ cases: Case[]; bounds: Bound[] }>('layers.json');
const sizes = ({ inputs }: Case, i: number): number[] => [...inputs[i]!.shape];

/** The layer of a case. Its parameters are the case's inputs after the first, in order. */
const layers: Readonly<Record<string, (row: Case) => nn.Module>> = {
  linear: (row) => nn.linear(sizes(row, 1)[1]!, sizes(row, 1)[0]!, { bias: row.inputs.length > 2 }),
  relu: () => nn.relu(),
  gelu: () => nn.gelu(),
  tanh: () => nn.tanh(),
  sigmoid: () => nn.sigmoid(),
  flatten: () => nn.flatten(),
  sequential: (row) => nn.sequential([7], [nn.linear(7, sizes(row, 1)[0]!), nn.relu(), nn.linear(sizes(row, 3)[1]!, sizes(row, 3)[0]!)]),
  'dropout in evaluation': () => nn.dropout(0.5).eval(),
};

/** A layer whose input is a parameter too, so that it has a gradient. */
class WithInput extends nn.Module {
  constructor(
    readonly input: Parameter,
    readonly layer: nn.Module,
  ) {
    super();
  }

  override forward(): Tensor {
    return this.layer.forward(this.input);
  }
}

describe.each(Object.keys(layers))('%s', (op) => {
  test.each(named(cases, op))('%s', async (_, row) => {
    const layer = layers[op]!(row);
    const names = [...layer.stateDict().keys()];
    const [input, ...weights] = row.inputs.map(asTensor) as [Tensor, ...Tensor[]];
    await layer.loadStateDict(Object.fromEntries(names.map((name, i) => [name, weights[i]!])));
    expectClose('value', await layer.forward(input).data(), row.output.data);

    const model = new WithInput(asParameter(input), layer);
    const parameters = model.parameters();
    expect(parameters.length).toBe(row.inputs.length);
    const dy = asTensor({ shape: row.output.shape, dtype: 'float32', data: row.dy! });
    sum(mul(model.forward(), dy)).backward();
    for (const [i, parameter] of parameters.entries()) expectClose(`gradient of ${parameter.name}`, await parameter.grad!.data(), row.grads![i]!);
  });
});

test.each(bounds)('the first weights of linear($inputs, $outputs) are as spread as PyTorch’s', async ({ inputs, outputs, bound }) => {
  seed(1);
  for (const parameter of nn.linear(inputs, outputs).parameters()) {
    const values = await parameter.data();
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest, parameter.name).toBeGreaterThan(bound * (1 - 10 / values.length));
  }
});
