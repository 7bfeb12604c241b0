// Every op against PyTorch: values and gradients. ops.json holds inputs and results; make_fixtures.py made it.
import { describe, expect, test } from 'vitest';
import { ops, type Tensor } from 'anneal';
import { fixture, type Case } from './fixtures.js';
import { check } from './gradients.js';

const { cases } = fixture<{ cases: Case[] }>('ops.json');

type Run = (inputs: readonly Tensor[], args: Case['args']) => Tensor;

/** Ops of two tensors, or of one, that take nothing else. */
const plain = (name: keyof typeof ops): Run => (inputs) => (ops[name] as (...tensors: readonly Tensor[]) => Tensor)(...inputs);
/** Reductions: (x, axis, { keepdim, ... }). */
const along = (name: keyof typeof ops): Run => ([x], { axis, ...options }) => (ops[name] as (x: Tensor, axis?: number, options?: object) => Tensor)(x!, axis, options);

const runs: Readonly<Record<string, Run>> = {
  ...Object.fromEntries(
    (
      ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'neg', 'abs', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'relu', 'sign', 'erf',
        'equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual', 'where', 'matmul'] as const
    ).map((name) => [name, plain(name)]),
  ),
  ...Object.fromEntries((['sum', 'mean', 'var', 'max', 'min', 'argmax', 'argmin', 'softmax', 'logSoftmax'] as const).map((name) => [name, along(name)])),
  gelu: ([x], args) => ops.gelu(x!, args),
  pow: ([x, y], { exponent }) => ops.pow(x!, y ?? exponent),
  clamp: ([x], { min, max }) => ops.clamp(x!, min, max),
  cast: ([x], { dtype }) => ops.cast(x!, dtype),
  'matmul of transposed': ([a, b]) => ops.matmul(ops.transpose(a!), ops.transpose(b!)),
  reshape: ([x], { shape }) => ops.reshape(x!, shape),
  transpose: ([x], { dim0, dim1 }) => ops.transpose(x!, dim0, dim1),
  permute: ([x], { dims }) => ops.permute(x!, dims),
  concat: (inputs, { axis }) => ops.concat(inputs, axis),
  stack: (inputs, { axis }) => ops.stack(inputs, axis),
  slice: ([x], { axis, start, end }) => ops.slice(x!, axis, start, end),
  gather: ([x, indices], { axis }) => ops.gather(x!, indices!, axis),
};

for (const op of new Set(cases.map((row) => row.op))) {
  describe(op, () => {
    test.each(cases.filter((row) => row.op === op))('$name', async (row) => {
      const run = runs[op];
      expect(run, `${op} is compared`).toBeDefined();
      await check(row, (inputs) => run!(inputs, row.args));
    });
  });
}
