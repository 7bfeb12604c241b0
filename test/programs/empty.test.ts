import * as anneal from 'anneal';
import { AnnealError, configure, losses } from 'anneal';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { fromArray } from '../../src/ops/leaf.js';
import { sgd } from '../../src/optim/index.js';
import { loadNative } from '../../src/runtime/binding.js';
import { EagerMode } from '../../src/runtime/eager.js';
import { RuntimeEngine } from '../../src/runtime/engine.js';
import { plannedMode } from '../../src/runtime/mode.js';
import { sizeOf } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { Parameter } from '../../src/parameter.js';
import { numbers } from './interpreter.js';

const RUNS = Math.ceil(Number(process.env['ANNEAL_PROGRAMS'] ?? 150));

/** An op on one or two tensors; `n` picks axes, sizes and the like. */
type Step = (a: Tensor, b: Tensor, n: number) => Tensor;

const axisOf = (a: Tensor, n: number): number => (a.shape.length === 0 ? 0 : n % a.shape.length);
const labelsFor = (a: Tensor): Tensor => anneal.zeros(a.shape.slice(0, -1), { dtype: 'int32' }) as Tensor;

/** Operations that an array may go through, by name. */
const steps: { readonly [name: string]: Step } = {
  neg: (a) => a.neg(),
  exp: (a) => a.exp(),
  gelu: (a) => a.gelu(),
  clamp: (a) => a.clamp(-0.2, 0.2),
  add: (a, b) => a.add(b as never) as Tensor,
  mul: (a, b) => a.mul(b as never) as Tensor,
  div: (a, b) => a.div(b as never) as Tensor,
  maximum: (a, b) => a.maximum(b as never) as Tensor,
  where: (a, b) => anneal.where(a.greater(0), a, b as never) as Tensor,
  compare: (a, b) => a.less(b as never).cast('float32') as Tensor,
  integers: (a) => a.cast('int32').add(1).cast('float32') as Tensor,
  sum: (a, _, n) => (n % 3 === 0 ? a.sum() : a.sum({ axis: axisOf(a, n), keepdim: n % 2 === 0 })) as Tensor,
  mean: (a, _, n) => (n % 3 === 0 ? a.mean() : a.mean({ axis: axisOf(a, n) })) as Tensor,
  max: (a, _, n) => a.max({ axis: axisOf(a, n) }) as Tensor,
  min: (a) => a.min() as Tensor,
  variance: (a, _, n) => a.var({ axis: axisOf(a, n), correction: 0 }) as Tensor,
  argmax: (a, _, n) => a.argmax({ axis: axisOf(a, n) }).cast('float32') as Tensor,
  any: (a, _, n) => a.greater(0).any({ axis: axisOf(a, n) }).cast('float32') as Tensor,
  softmax: (a, _, n) => a.softmax(axisOf(a, n)),
  logSoftmax: (a, _, n) => a.logSoftmax(axisOf(a, n)),
  logSumExp: (a, _, n) => anneal.logSumExp(a, { axis: axisOf(a, n) }) as Tensor,
  flatten: (a) => a.flatten(),
  reshape: (a, _, n) => a.reshape([...a.shape, 1].toSpliced(n % (a.shape.length + 1), 0, 1)) as Tensor,
  likewise: (a, b) => a.reshape(b.shape) as Tensor,
  permute: (a, _, n) => a.permute(a.shape.map((_, d) => (d + n) % a.shape.length)) as Tensor,
  expand: (a, _, n) => a.expand([n % 3, ...a.shape]) as Tensor,
  split: (a, _, n) => a.split(1 + (n % 3), axisOf(a, n)).at(-1) as Tensor,
  slice: (a, _, n) => a.slice((n % 4) - 1, undefined, { axis: axisOf(a, n), step: 1 + (n % 2) }) as Tensor,
  squeeze: (a) => a.squeeze(),
  unsqueeze: (a, _, n) => a.unsqueeze(axisOf(a, n)) as Tensor,
  concat: (a, b, n) => anneal.concat([a, b, a], axisOf(a, n)) as Tensor,
  stack: (a, _, n) => anneal.stack([a, a.neg()], n % (a.shape.length + 1)),
  pad: (a, _, n) => anneal.pad(a, [n % 2, 1]) as Tensor,
  matmul: (a, b) => a.matmul(b as never) as Tensor,
  gram: (a) => a.matmul(a.transpose(-2, -1) as never) as Tensor,
  linear: (a, b) => anneal.linear(a, b as never) as Tensor,
  gather: (a, _, n) => a.gather(anneal.zeros([a.shape[axisOf(a, n)] === 0 ? 0 : n % 3], { dtype: 'int32' }) as Tensor, axisOf(a, n)),
  scatterAdd: (a, _, n) => anneal.scatterAdd(a, anneal.zeros([a.shape[axisOf(a, n)] ?? 0], { dtype: 'int32' }) as never, 2, axisOf(a, n)) as Tensor,
  oneHot: (a) => anneal.oneHot(labelsFor(a) as never, 3).cast('float32') as Tensor,
  // Where there are no classes, no label is right.
  crossEntropy: (a, _, n) => (a.shape.at(-1) === 0 ? a : losses.crossEntropy(a, labelsFor(a) as never, { labelSmoothing: n % 2 === 0 ? 0 : 0.1 })) as Tensor,
  squares: (a, b) => losses.meanSquaredError(a, b as never) as Tensor,
  huber: (a, b) => losses.huber(a, b as never) as Tensor,
  binaryCrossEntropy: (a) => losses.binaryCrossEntropy(a, anneal.zeros(a.shape) as never) as Tensor,
  hinge: (a) => losses.hinge(a, anneal.ones(a.shape) as never) as Tensor,
};

const program = fc.record({
  shapes: fc.array(fc.array(fc.constantFrom(0, 0, 1, 2, 3, 17), { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  steps: fc.array(fc.record({ name: fc.constantFrom(...Object.keys(steps)), a: fc.nat(9), b: fc.nat(9), n: fc.nat(11) }), { minLength: 1, maxLength: 7 }),
});
type Program = typeof program extends fc.Arbitrary<infer T> ? T : never;

/** Every result, the gradients of all, and what a step makes of the parameters; of what the program may not do, the codes. */
async function run({ shapes, steps: list }: Program): Promise<(string | number[])[]> {
  const log: (string | number[])[] = [];
  const parameters = shapes.map((shape, i) => {
    const made = new Parameter(shape, () => fromArray(numbers(i + 1, sizeOf(shape)), shape, 'float32'));
    made.name = `${i}`;
    return made;
  });
  const optimizer = sgd(parameters, { lr: 0.1 });
  const pool: Tensor[] = [...parameters];
  for (const { name, a, b, n } of list) {
    try {
      pool.push(steps[name]!(pool[a % pool.length]!, pool[b % pool.length]!, n));
    } catch (error) {
      if (!(error instanceof AnnealError)) throw error;
      log.push(`${name} ${error.code}`);
    }
  }
  const results = pool.slice(parameters.length);
  for (const result of results) log.push([...(await result.data())]);
  const differentiable = results.filter(({ requiresGrad }) => requiresGrad);
  if (differentiable.length === 0) return log;
  const sums = differentiable.map((result) => result.sum() as Tensor);
  sums.reduce((total, one) => total.add(one as never) as Tensor).backward();
  await optimizer.step();
  for (const parameter of parameters) log.push([...(await parameter.data())]);
  for (const sum of sums) log.push([await sum.item()]);
  return log;
}

const bits = (log: readonly (string | number[])[]): unknown[] => log.map((entry) => (typeof entry === 'string' ? entry : entry.map((value) => (Number.isNaN(value) ? 'NaN' : Object.is(value, -0) ? '-0' : value))));

test(`arrays of every kind, those without elements among them: what ${RUNS} random programs make of them is the same op by op and planned, or a typed error`, { timeout: 600_000 }, async () => {
  const planned = new RuntimeEngine(plannedMode());
  const eager = new RuntimeEngine(new EagerMode(loadNative().addon.info().target));
  await fc.assert(
    fc.asyncProperty(program, async (spec) => {
      planned.install();
      const replayed = await run(spec);
      eager.install();
      expect(bits(await run(spec))).toEqual(bits(replayed));
      expect(replayed.filter((entry) => typeof entry === 'string' && entry.endsWith('ANNEAL_INTERNAL'))).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

// Files of one worker share the engine.
afterAll(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));
