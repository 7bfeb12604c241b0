// Attention against PyTorch: values and gradients. attention.json holds inputs and results; make/attention.py made it.
import { describe, expect, test } from 'vitest';
import { mul, scaledDotProductAttention, sum, tensor, type AttentionOptions, type Parameter, type Tensor } from 'anneal';
import { asTensor, expectClose, fixture, type Described, type Numbers } from './fixtures.js';
import { asParameter, Holder } from './gradients.js';

interface AttentionCase {
  readonly name: string;
  readonly operands: readonly [Described, Described, Described];
  readonly options: AttentionOptions;
  readonly mask?: Described;
  readonly keyLengths?: readonly number[];
  readonly output: Described;
  readonly dy: Numbers;
  /** Of the operands, and of a mask that is added; none where they are not compared. */
  readonly grads: readonly Numbers[];
}

const { cases } = fixture<{ cases: AttentionCase[] }>('attention.json');
/** Weights are good to a few units in their last place, of which gradients are differences. */
const TOLERANCE = { relative: 4e-6, ofLargest: 2e-6 };

function attend(row: AttentionCase, [query, key, value, mask]: readonly Tensor[]): Tensor {
  const given = mask ?? (row.mask === undefined ? undefined : asTensor(row.mask));
  const keyLengths = row.keyLengths === undefined ? undefined : tensor(Int32Array.from(row.keyLengths));
  return scaledDotProductAttention(query!, key!, value!, { ...row.options, mask: given, keyLengths });
}

describe('scaledDotProductAttention', () => {
  test.each(cases.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const y = attend(row, row.operands.map(asTensor));
    expect(y.shape).toEqual(row.output.shape);
    expectClose('value', await y.data(), row.output.data, TOLERANCE);

    if (row.grads.length === 0) return;
    const added = row.mask?.dtype === 'float32' ? [row.mask] : [];
    const parameters: readonly Parameter[] = [...row.operands, ...added].map((operand) => asParameter(asTensor(operand)));
    expect(new Holder(parameters).parameters()).toHaveLength(parameters.length);
    const dy = asTensor({ shape: row.output.shape, dtype: 'float32', data: row.dy });
    sum(mul(attend(row, parameters), dy)).backward();
    for (const [i, { grad }] of parameters.entries()) expectClose(`gradient of input ${i}`, await grad!.data(), row.grads[i]!, TOLERANCE);
  });
});
