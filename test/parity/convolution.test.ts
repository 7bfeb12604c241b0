// Convolutions against PyTorch: values and gradients. convolution.json holds inputs and results; make/convolution.py made it.
import { describe, test } from 'vitest';
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, type Tensor } from 'anneal';
import { fixture, named, type Case } from './fixtures.js';
import { check } from './gradients.js';

const { cases } = fixture<{ cases: Case[] }>('convolution.json');
type Convolution = (x: Tensor, weight: Tensor, bias: Tensor | undefined, options: never) => Tensor;
const functions = { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d } as unknown as Readonly<Record<string, Convolution>>;

describe.each(Object.keys(functions))('%s', (name) => {
  test.each(named(cases, name))('%s', async (_, row) => {
    await check(row, ([x, weight, bias]) => functions[name]!(x!, weight!, bias, (row.args as unknown as { readonly options: never }).options));
  });
});
