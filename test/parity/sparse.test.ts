// Sparse embeddings against PyTorch: the table after steps of rules that take row-sparse gradients, and what they keep. Embeddings whose rows have a largest norm.
import { expect, test } from 'vitest';
import { nn, optim, tensor, type Parameter, type Tensor } from 'anneal';
import { expectClose, fixture, type Numbers } from './fixtures.js';

type Kind = 'embedding' | 'mean' | 'sum';

interface Run {
  readonly kind: Kind;
  readonly rule: 'sgd' | 'adamw' | 'adagrad' | 'sparseAdam';
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly sparse?: boolean;
  readonly maxNorm?: number;
  readonly after: Readonly<Record<string, Numbers>>;
  readonly state: Readonly<Record<string, Numbers>>;
}

interface Fixture {
  readonly table: Numbers;
  readonly steps: Readonly<Record<Kind, readonly (readonly [tokens: Numbers, weights: Numbers])[]>>;
  readonly runs: readonly Run[];
  readonly short: readonly Run[];
}

const { table, steps, runs, short } = fixture<Fixture>('sparse.json');
const [V, D] = [10, 3];
const NAMES: Readonly<Record<string, string>> = { lr_decay: 'lrDecay', weight_decay: 'weightDecay', initial_accumulator_value: 'initialAccumulatorValue' };
const STATES: Readonly<Record<string, string>> = { exp_avg: 'expAvg', exp_avg_sq: 'expAvgSq', momentum_buffer: 'momentumBuffer' };
/** After n steps of sums, both sides have rounded n times, each in its own way. */
const TOLERANCE = { relative: 2e-5, ofLargest: 3e-6 };

const floats = (values: Numbers): Float32Array => Float32Array.from(values, Number);

function layerOf({ kind, sparse = true, maxNorm }: Run): nn.Embedding | nn.EmbeddingBag {
  const layer = kind === 'embedding' ? nn.embedding(V, D, { paddingIdx: maxNorm === undefined ? 2 : undefined, sparse, maxNorm }) : nn.embeddingBag(V, D, { mode: kind, sparse, maxNorm });
  layer.weight.initialize(() => tensor(floats(table), { shape: [V, D] }) as Tensor);
  return layer;
}

const titled = (run: Run): [string, Run] => [`${run.rule} ${run.kind} ${JSON.stringify(run.options)}${run.maxNorm === undefined ? '' : ` maxNorm ${run.maxNorm}${run.sparse === true ? ', sparse' : ''}`}`, run];

test.each([...runs, ...short].map(titled))('%s', async (_, run) => {
  const { kind, rule, options, after, state } = run;
  const layer = layerOf(run);
  const make = optim[rule] as (parameters: readonly Parameter[], options: object) => optim.Optimizer;
  const optimizer = make(layer.parameters(), Object.fromEntries(Object.entries(options).map(([name, value]) => [NAMES[name] ?? name, value])));
  for (const [i, [tokens, weights]] of steps[kind].entries()) {
    optimizer.zeroGrad();
    const vectors = layer.forward(tensor(Int32Array.from(tokens, Number), { shape: [3, 4] }) as never) as Tensor;
    vectors.mul(tensor(floats(weights), { shape: vectors.shape }) as Tensor).sum().backward();
    await optimizer.step();
    const wanted = after[i + 1];
    if (wanted !== undefined) expectClose(`after step ${i + 1}`, await layer.weight.data(), wanted, TOLERANCE);
  }
  const kept = optimizer.stateDict();
  expect([...kept.keys()].filter((name) => /weight\.(?!step)/.test(name)).length).toBe(Object.keys(state).length);
  for (const [name, wanted] of Object.entries(state)) expectClose(name, await (kept.get(`weight.${STATES[name] ?? name}`) as Tensor).data(), wanted, TOLERANCE);
});
