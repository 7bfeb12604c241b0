// Every op against PyTorch: values and gradients. ops.json holds inputs and results; make/ops.py made it.
import { describe, expect, test } from 'vitest';
import * as anneal from 'anneal';
import type { Tensor } from 'anneal';
import { fixture, named, type Case } from './fixtures.js';
import { check } from './gradients.js';

const { cases } = fixture<{ cases: Case[] }>('ops.json');

type Run = (inputs: readonly Tensor[], args: Case['args']) => Tensor;

/** Ops of two tensors, or of one, that take nothing else. */
const plain = (name: keyof typeof anneal): Run => (inputs) => (anneal[name] as (...tensors: readonly Tensor[]) => Tensor)(...inputs);
/** Reductions. */
const along = (name: keyof typeof anneal): Run => ([x], options) => (anneal[name] as (x: Tensor, options: object) => Tensor)(x!, options);

const runs: Readonly<Record<string, Run>> = {
  ...Object.fromEntries(
    (
      ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'neg', 'abs', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'relu', 'sign', 'erf', 'expm1', 'log1p', 'softplus', 'logSigmoid', 'silu',
        'equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual', 'where', 'matmul'] as const
    ).map((name) => [name, plain(name)]),
  ),
  ...Object.fromEntries((['sum', 'mean', 'max', 'min', 'argmax', 'argmin'] as const).map((name) => [name, along(name)])),
  var: along('variance'),
  softmax: ([x], { axis }) => anneal.softmax(x!, axis),
  logSoftmax: ([x], { axis }) => anneal.logSoftmax(x!, axis),
  elu: ([x], args) => anneal.elu(x!, args),
  leakyRelu: ([x], args) => anneal.leakyRelu(x!, args),
  logSumExp: along('logSumExp'),
  gelu: ([x], args) => anneal.gelu(x!, args),
  pow: ([x, y], { exponent }) => anneal.pow(x!, y ?? exponent),
  clamp: ([x], { min, max }) => anneal.clamp(x!, min, max),
  cast: ([x], { dtype }) => anneal.cast(x!, dtype),
  'matmul of transposed': ([a, b]) => anneal.matmul(anneal.t(a!), anneal.t(b!)),
  reshape: ([x], { shape }) => anneal.reshape(x!, shape),
  transpose: ([x], { dim0, dim1 }) => anneal.transpose(x!, dim0, dim1),
  permute: ([x], { dims }) => anneal.permute(x!, dims),
  concat: (inputs, { axis }) => anneal.concat(inputs, axis),
  stack: (inputs, { axis }) => anneal.stack(inputs, axis),
  slice: ([x], { axis, start, end }) => anneal.slice(x!, start, end, { axis }),
  gather: ([x, indices], { axis }) => anneal.gather(x!, indices!, axis),
};

for (const op of new Set(cases.map((row) => row.op))) {
  describe(op, () => {
    test.each(named(cases, op))('%s', async (_, row) => {
      const run = runs[op];
      expect(run, `${op} is compared`).toBeDefined();
      await check(row, (inputs) => run!(inputs, row.args));
    });
  });
}
