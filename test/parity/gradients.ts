import { mul, nn, Parameter, sum, type Tensor } from 'anneal';
import { expect } from 'vitest';
import { asTensor, expectClose, type Case } from './fixtures.js';

/** Registers tensors as parameters, because gradients are of parameters. */
export class Holder extends nn.Module {
  readonly values: readonly Parameter[];

  constructor(values: readonly Parameter[]) {
    super();
    this.values = values;
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

export const asParameter = (values: Tensor): Parameter => new Parameter(values.shape, () => values);

/** Runs a case as it is and compares its value; then with its float inputs as parameters, and compares their gradients. */
export async function check(row: Case, run: (inputs: readonly Tensor[]) => Tensor): Promise<void> {
  const output = run(row.inputs.map(asTensor));
  expect(output.shape, 'shape').toEqual(row.output.shape);
  expect(output.dtype, 'dtype').toBe(row.output.dtype);
  expectClose('value', await output.data(), row.output.data);
  if (row.dy === undefined || row.grads === undefined) return;

  const inputs = row.inputs.map((input) => (input.dtype === 'float32' ? asParameter(asTensor(input)) : asTensor(input)));
  const parameters = inputs.filter((input) => input instanceof Parameter);
  const holder = new Holder(parameters);
  expect(holder.parameters().length, 'registered').toBe(parameters.length);
  const dy = asTensor({ shape: row.output.shape, dtype: 'float32', data: row.dy });
  sum(mul(run(inputs), dy)).backward();
  for (const [i, parameter] of parameters.entries()) {
    expectClose(`gradient of input ${i}`, await parameter.grad!.data(), row.grads[i]!);
  }
}
