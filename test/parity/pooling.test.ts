// Pooling against PyTorch: values and gradients, of the functions and of the layers. pooling.json holds inputs and results; make/pooling.py made it.
import { describe, expect, test } from 'vitest';
import { avgPool2d, nn, type AvgPool2dOptions } from 'anneal';
import { asTensor, expectClose, fixture, named, type Case } from './fixtures.js';
import { check } from './gradients.js';

const { cases } = fixture<{ cases: Case[] }>('pooling.json');

interface PoolArgs {
  readonly kernelSize: number | readonly [number, number];
  readonly options: AvgPool2dOptions;
}

describe('avgPool2d', () => {
  test.each(named(cases, 'avgPool2d'))('%s', async (_, row) => {
    const { kernelSize, options } = row.args as unknown as PoolArgs;
    await check(row, ([x]) => avgPool2d(x!, kernelSize, options));
    const layer = nn.avgPool2d(kernelSize, options);
    const [input] = row.inputs.map(asTensor);
    expectClose('of the layer', await layer.forward(input!).data(), row.output.data);
    const [, ...images] = row.inputs[0]!.shape;
    expect(nn.sequential(images, [layer as nn.Module]).output).toEqual(row.output.shape.slice(1));
  });
});
