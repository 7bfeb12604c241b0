// Whatever an op or a method of a tensor is called with, it gives a result or an error of ours: never one of JavaScript's, nor a wait without end.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnnealError, defineOp, Tensor, tensor } from 'anneal';
import * as ops from '../../src/ops/index.js';
import { sizeOf, type Shape } from '../../src/shape.js';
import { HOSTILE, hostile } from './values.js';

const RUNS = 60;

/** Outcome of a call: fine, or what is wrong with it. Results are computed where they are small. */
async function outcome(call: () => unknown): Promise<string> {
  try {
    const result: unknown = await call();
    if (result instanceof Tensor && sizeOf(result.shape as Shape) <= 4096) await result.data();
    return 'fine';
  } catch (error) {
    if (!(error instanceof AnnealError)) return `threw ${String(error)}`;
    return error.code === 'ANNEAL_INTERNAL' ? `threw ${error.message}` : 'fine';
  }
}

type Call = (...values: unknown[]) => unknown;

async function holdsUp(call: Call, most: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { maxLength: most }), async (makers) => {
      expect(await outcome(() => call(...makers.map((make) => make())))).toBe('fine');
    }),
    { numRuns: RUNS, seed: 1 },
  );
}

const functions = Object.entries(ops).filter(([, value]) => typeof value === 'function') as [string, Call][];
const receivers: readonly (() => Tensor)[] = [() => tensor([[1, 2], [3, 4]]), () => tensor(2), () => tensor([1, 0, 3], { dtype: 'int32' }), () => tensor([[true], [false]])];
const methods = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => name !== 'constructor');

describe('ops', () => {
  test.each(functions)('%s of anything', (_name, op) => holdsUp(op, 4));
  test.each(functions)('%s of a tensor and anything', (_name, op) => holdsUp((...values) => op(tensor([[1, 2], [3, 4]]), ...values), 3));
});

describe('methods of tensors', () => {
  test.each(methods)('%s', async (name) => {
    for (const make of receivers) {
      const call: Call = (...values) => (make() as unknown as Record<string, Call>)[name]!(...values);
      for (const value of HOSTILE) expect(await outcome(() => call(value()))).toBe('fine');
      await holdsUp(call, 3);
    }
  });
});

describe('an op of one’s own', () => {
  test.each(HOSTILE.map((make) => [make] as const))('whose forward gives what it likes', async (make) => {
    const op = defineOp({ name: 'mine', forward: make as never, gradient: (dy) => [dy] });
    expect(await outcome(() => op(tensor([1, 2]))), String(make)).toBe('fine');
  });
});

describe('messages name what was got', () => {
  const unknown = (value: unknown): never => value as never;
  const said: [() => unknown, string][] = [
    [() => tensor([1]).matmul(unknown(3)), '[matmul] b is no tensor: got 3, expected a tensor. Make one: tensor(values).'],
    [() => ops.where(unknown(3), 1, 0), '[where] the condition is no tensor: got 3, expected a tensor. Make one: tensor(values).'],
    [() => ops.concat(unknown([3])), '[concat] the operand is no tensor: got 3, expected a tensor. Make one: tensor(values).'],
    [() => tensor([1]).reshape(unknown(4)), '[reshape] the shape is not an array: got 4, expected sizes such as [2,3]. Put the sizes in an array.'],
    [() => tensor([1]).sum({ axis: unknown('x') }), "[sum] the axis is out of range: got 'x' for the shape [1], expected a whole number from -1 to 0. Check the axis."],
    [() => ops.scatterAdd(tensor([1]), tensor([0], { dtype: 'int32' }), -1), '[scatterAdd] a size is wrong: got [-1], expected whole numbers of at least 0. Check how the shape is computed.'],
    [
      () => ops.pad(tensor([1]), [0.5, 1]),
      '[pad] pad: got [0.5,1], expected two whole numbers for each axis, the last axis first, as in [left, right, top, bottom].',
    ],
    [() => ops.relu(unknown('x')), "[relu] the operand is no tensor: got 'x', expected a tensor. Make one: tensor(values)."],
  ];
  test.each(said)('%#', (call, message) => expect(call).toThrow(message));
});
