// Hessian-vector products against PyTorch: of a small network with each activation, and of one under each loss. hessian.json holds weights, vectors and products.
import * as anneal from 'anneal';
import { add, grad, linear, losses, mul, sum, tanh, type Tensor } from 'anneal';
import { describe, expect, test } from 'vitest';
import { asTensor, expectClose, fixture, type Args, type Described, type Numbers } from './fixtures.js';
import { constants } from './loss-arguments.js';

interface Product {
  readonly weights: readonly Described[];
  readonly vectors: readonly Described[];
  readonly products: readonly Numbers[];
}

interface OfActivation extends Product {
  readonly activation: string;
  readonly x: Described;
  readonly target: Described;
}

interface OfLoss extends Product {
  readonly op: string;
  readonly args: Args;
  readonly x: Described;
  readonly inputs: readonly Described[];
}

const { activations, losses: rows, lacking } = fixture<{ activations: OfActivation[]; losses: OfLoss[]; lacking: Readonly<Record<string, string>> }>('hessian.json');

type Run = (...inputs: unknown[]) => Tensor;

/** The gradient of the gradient's product with the vectors: by grad() of grad(). */
async function check({ weights, vectors, products }: Product, lossOf: (weights: readonly Tensor[]) => Tensor): Promise<void> {
  const leaves = weights.map((values) => asTensor(values).requireGrad());
  const slopes = grad(lossOf(leaves), leaves, { createGraph: true });
  const along = slopes.map((slope, i) => sum(mul(slope, asTensor(vectors[i]!))) as Tensor).reduce((a, b) => add(a, b) as Tensor);
  // Where a slope is made of pieces that do not bend, it depends on no weight.
  const second = grad(along, leaves, { allowUnused: true });
  for (const [i, product] of products.entries()) {
    const got = second[i] === undefined ? new Float32Array(product.length) : await second[i].data();
    expectClose(`product ${i}`, got, product);
  }
}

describe('a network with', () => {
  test.each(activations.map((row): [string, OfActivation] => [row.activation, row]))('%s', async (name, row) => {
    const run = (name === 'geluTanh' ? (x: Tensor) => x.gelu({ approximate: 'tanh' }) : (anneal as unknown as Record<string, Run>)[name]) as Run;
    const [x, target] = [asTensor(row.x), asTensor(row.target)];
    await check(row, ([w0, b0, w1, b1]) => losses.meanSquaredError(linear(run(linear(x, w0 as never, b0 as never)), w1 as never, b1 as never), target) as Tensor);
  });
});

describe('a network under', () => {
  const loss = losses as unknown as Record<string, Run>;
  test.each(rows.map((row, i): [string, OfLoss] => [`${row.op} ${i}`, row]))('%s', async (_, row) => {
    const run = row.op === 'mse' ? loss['meanSquaredError'] : loss[row.op];
    expect(run, `${row.op} is compared`).toBeDefined();
    const [first, ...rest] = row.inputs.map(asTensor);
    const x = asTensor(row.x);
    await check(row, ([w0, w1]) => {
      const moved = add(first!, mul(linear(tanh(linear(x, w0 as never)), w1 as never), 0.1).reshape(first!.shape) as never);
      return run!(moved, ...rest, ...constants(row.args));
    });
  });

  test('every loss but those that say why not', () => {
    const compared = new Set(rows.map(({ op }) => (op === 'mse' ? 'meanSquaredError' : op)));
    // ctc has no second derivative, and says so: test/losses/ctc.test.ts. Of the others PyTorch has none: differences in test/ops/gradients.test.ts show them.
    expect(Object.keys(losses).filter((name) => !compared.has(name)).sort()).toEqual(['ctc', ...Object.keys(lacking)].sort());
  });
});
