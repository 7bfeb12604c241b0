// Attention with heads, encoder and decoder layers against PyTorch, whose state dicts they load by name: values, and gradients of inputs and parameters.
import { describe, expect, test } from 'vitest';
import { mul, nn, sum, tensor, type Tensor } from 'anneal';
import { asTensor, expectClose, fixture, type Described, type Numbers } from './fixtures.js';
import { asParameter } from './gradients.js';

interface Row {
  readonly layer: keyof typeof layers;
  readonly name: string;
  readonly options: object;
  readonly call: { readonly [name: string]: unknown };
  readonly inputs: readonly Described[];
  readonly extra: { readonly [name: string]: Described };
  readonly state: { readonly [name: string]: { readonly shape: readonly number[]; readonly data: Numbers } };
  readonly y: Numbers;
  readonly dy: Numbers;
  readonly grads: readonly Numbers[];
  readonly weights: { readonly [name: string]: Numbers };
}

const layers = {
  multiheadAttention: (options: object) => nn.multiheadAttention(4, 2, options),
  transformerEncoderLayer: (options: object) => nn.transformerEncoderLayer(4, 2, options),
  transformerDecoderLayer: (options: object) => nn.transformerDecoderLayer(4, 2, options),
  transformerEncoder: (options: object) => nn.transformerEncoder(nn.transformerEncoderLayer(4, 2, options), 2, nn.layerNorm(4)),
  transformerDecoder: (options: object) => nn.transformerDecoder(nn.transformerDecoderLayer(4, 2, options), 2, nn.layerNorm(4)),
};

/** In float32 through two layers and norms, beside PyTorch in double. */
const TOLERANCE = { relative: 2e-5, ofLargest: 5e-6 };

type Forward = (...inputs: readonly unknown[]) => Tensor;

function forwardOf({ call, extra }: Row, layer: nn.Module): Forward {
  const given = Object.entries(call).map(([name, value]) => [name, Array.isArray(value) ? tensor(value as number[], { dtype: 'int32' }) : value] as const);
  const options = Object.fromEntries([...given, ...Object.entries(extra).map(([name, value]) => [name, asTensor(value)] as const)]);
  const forward = layer.forward.bind(layer) as unknown as Forward;
  return (...inputs) => {
    const padded = layer instanceof nn.MultiheadAttention && inputs.length === 2 ? [...inputs, undefined] : inputs;
    return Object.keys(options).length === 0 ? forward(...inputs) : forward(...padded, options);
  };
}

const { cases } = fixture<{ cases: Row[] }>('transformers.json');

describe('transformers', () => {
  test('are found', () => expect(cases.length).toBe(21));

  test.each(cases.map((row): [string, Row] => [row.name, row]))('%s', async (_, row) => {
    const layer = layers[row.layer](row.options);
    await layer.loadStateDict(Object.fromEntries(Object.entries(row.state).map(([name, { shape, data }]) => [name, asTensor({ shape, data, dtype: 'float32' })])));
    const inputs = row.inputs.map((input) => asParameter(asTensor(input)));
    const forward = forwardOf(row, layer);
    expectClose('value', await forward(...inputs).data(), row.y, TOLERANCE);

    const holder = new (class extends nn.Module {
      readonly inputs = inputs;
      readonly layer = layer;
      override forward(x: Tensor): Tensor {
        return x;
      }
    })();
    holder.parameters();
    const y = forward(...inputs);
    sum(mul(y, asTensor({ shape: y.shape, dtype: 'float32', data: row.dy }))).backward();
    for (const [i, input] of inputs.entries()) expectClose(`gradient of input ${i}`, await input.grad!.data(), row.grads[i]!, TOLERANCE);
    const own = layer.namedParameters();
    expect(own.size).toBe(Object.keys(row.weights).length);
    for (const [name, gradient] of Object.entries(row.weights)) {
      const here = name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
      expectClose(`gradient of ${name}`, await own.get(here)!.grad!.data(), gradient, TOLERANCE);
    }
  });
});
