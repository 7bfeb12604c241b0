// Whatever the functions that users build with are called with, they give a result or an error of ours: never one of JavaScript's, nor a wait
// without end, and no file. Errors of the system about files, which have a code of their own, are Node.js's.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AnnealError, data, load, loadMetadata, loadModel, losses, nn, openTensors, optim, Predictor, save, tensor, text, train, Trainer } from 'anneal';
import { HOSTILE, hostile } from './values.js';

let folder: string;
const before = process.cwd();
// Where paths are hostile, too: whatever is written is found.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-hostile-'));
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});
afterAll(async () => {
  vi.restoreAllMocks();
  expect(process.cwd()).toBe(before);
  await rm(folder, { recursive: true });
});

/** Outcome of a call: fine, or what is wrong with it. */
async function outcome(call: () => unknown): Promise<string> {
  try {
    const result: unknown = call();
    await Promise.race([result, new Promise((_, reject) => setTimeout(() => reject(new Error('waits without end')), 20_000).unref())]);
    return 'fine';
  } catch (error) {
    if (error instanceof AnnealError) return error.code === 'ANNEAL_INTERNAL' ? `threw ${error.message}` : 'fine';
    return error instanceof Error && 'syscall' in error ? 'fine' : `threw ${error instanceof Error ? (error.stack ?? String(error)) : String(error)}`;
  }
}

type Call = (...values: unknown[]) => unknown;

async function holdsUp(call: Call, most: number): Promise<void> {
  for (const make of HOSTILE) expect(await outcome(() => call(make()))).toBe('fine');
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { maxLength: most }), async (makers) => {
      expect(await outcome(() => call(...makers.map((make) => make())))).toBe('fine');
    }),
    { numRuns: 40, seed: 1 },
  );
}

const isClass = (value: unknown): boolean => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
/** The functions of a namespace, and of those in it, by path. */
function functionsOf(namespace: object, path: string): [string, Call][] {
  return Object.entries(namespace).flatMap(([name, value]: [string, unknown]): [string, Call][] => {
    if (typeof value === 'function') return isClass(value) ? [] : [[`${path}.${name}`, value as Call]];
    return typeof value === 'object' && value !== null ? functionsOf(value, `${path}.${name}`) : [];
  });
}

const functions = [...functionsOf(data, 'data'), ...functionsOf(nn, 'nn'), ...functionsOf(optim, 'optim'), ...functionsOf(text, 'text'), ...functionsOf(train, 'train')];

describe('functions', () => {
  test.each(functions)('%s', (_name, call) => holdsUp(call, 4));
});

/** Calls with one argument, or one field of an object, that is not what is meant. */
function variants(args: readonly unknown[]): ((value: unknown) => unknown[])[] {
  return args.flatMap((arg, i) => {
    const at = (made: unknown): unknown[] => args.with(i, made);
    const fields = typeof arg === 'object' && arg !== null && Object.getPrototypeOf(arg) === Object.prototype ? Object.keys(arg) : [];
    return [at, ...fields.map((field) => (value: unknown) => at({ ...(arg as object), [field]: value }))];
  });
}

const model = (): nn.Module => nn.sequential([2], nn.linear(2, 2)) as unknown as nn.Module;
const set = data.fromArrays({ x: new Float32Array(16), y: [0, 1, 0, 1, 0, 1, 0, 1], shape: [2] });
const trainer = (): Trainer => {
  const made = model();
  return new Trainer(made, { loss: losses.crossEntropy as never, optimizer: optim.sgd(made.parameters(), { lr: 0.1 }) }) as unknown as Trainer;
};
const file = (): string => join(folder, 'model');
const items = (): object[] => [{ x: [1, 2], y: 0 }, { x: [3, 4], y: 1 }];
/** A save that fails leaves nothing. */
const saving: Call = async (source, options) => {
  try {
    await save(source as never, file(), options as never);
  } catch (error) {
    expect(await readdir(folder)).toEqual([]);
    throw error;
  }
  await rm(file());
};

/** A valid call, of which each argument and option is replaced in turn. */
const calls: [string, Call, unknown[]][] = [
  ['data.fromArrays', data.fromArrays as Call, [{ x: new Float32Array(8), y: [0, 1, 0, 1], shape: [2], normalize: { mean: 0, std: 1 }, classes: 2, weights: [1, 1, 1, 1], check: 'finite', name: 'x' }]],
  ['data.fromArrays of targets', data.fromArrays as Call, [{ x: [[1], [2]], y: [[1], [2]], targetShape: [1] }]],
  ['normalize', (mean, std) => data.fromArrays({ x: new Uint8Array(2), y: [0, 1], shape: [1], normalize: { mean, std } as never }), [0, 1]],
  ['data.fromIterable', async (source, options) => { for await (const batch of data.loader(data.fromIterable<[2]>(source as never, options as never))) await batch[0].data(); }, [items(), { shape: [2], normalize: { mean: 0, std: 1 }, classes: 2, batches: false, name: 'x' }]],
  ['an example', async (x, y) => { for await (const batch of data.loader(data.fromIterable([{ x, y }] as never, { shape: [2] }))) await batch[0].data(); }, [[1, 2], 0]],
  ['a batch', async (x, y) => { for await (const batch of data.loader(data.fromIterable([{ x, y }] as never, { shape: [2], batches: true }))) await batch[0].data(); }, [[1, 2], [0]]],
  ['data.loader', data.loader as Call, [set, { batchSize: 2, shuffle: true, seed: 1, dropLast: false }]],
  ['data.loader of a stream', data.loader as Call, [data.fromIterable([], { shape: [2] }), { batchSize: 2, dropLast: false, prefetch: 1 }]],
  ['loader.loadStateDict', (state) => data.loader(set).loadStateDict(state as never), [data.loader(set).stateDict()]],
  ['loader.order', (epoch) => data.loader(set, { shuffle: true }).order(epoch as never), [0]],
  ['subset', (indices) => set.subset(indices as never), [[0, 1]]],
  ['split', (fraction, options) => set.split(fraction as never, options as never), [0.5, { seed: 1, shuffle: true, stratify: false, groups: undefined }]],
  ['save', saving, [model(), { metadata: { a: 'b' } }]],
  // A string is a path.
  ['save to', (path) => (typeof path === 'string' ? undefined : save(model(), path as never)), [undefined]],
  ['save of tensors', saving, [{ a: { shape: [2], dtype: 'float32', data: new Float32Array(2) } }]],
  ['save of a tensor', (shape, dtype, elements) => saving({ a: { shape, dtype, data: elements } }), [[2], 'float32', new Float32Array(2)]],
  ['load', load as Call, ['/nowhere/at/all', { names: 'a' }]],
  ['openTensors', openTensors as Call, ['/nowhere/at/all']],
  ['loadModel', loadModel as Call, ['/nowhere/at/all', { model: model() }]],
  ['save of a model', saving, [model(), { classes: ['a', 'b'], normalize: { mean: 0, std: 1 }, temperature: 1, threshold: 0.5, pipeline: undefined }]],
  ['new Predictor', (made, options) => new Predictor(made as never, options as never), [model(), { classes: ['a', 'b'], normalize: { mean: 0, std: 1 }, temperature: 1, threshold: 0.5, pipeline: undefined }]],
  ['predict of a tensor', (x, options) => trainer().predict(x as never, options as never), [tensor([[1, 2], [3, 4], [5, 6]]), { batchSize: 2 }]],
  ['predictor.predict', (inputs, options) => new Predictor(model()).predict(inputs as never, options as never), [[[1, 2], [3, 4]], { batchSize: 1 }]],
  ['predictor.classify', (inputs, options) => new Predictor(model()).classify(inputs as never, options as never), [set, { batchSize: 4 }]],
  ['predictor.row', (row) => new Predictor(model()).row(row as never), [[1, 2]]],
  ['predictor.rows', (rows) => new Predictor(model()).rows(rows as never), [[[1, 2]]]],
  ['loadMetadata', loadMetadata as Call, ['/nowhere/at/all']],
  ['loadStateDict', (state, options) => model().loadStateDict(state as never, options as never), [model().stateDict(), { strict: true }]],
  ['loadStateDict of one', (value) => model().loadStateDict({ '0.weight': value, '0.bias': new Float32Array(2) } as never), [new Float32Array(4)]],
  ['train', (mode) => model().train(mode as never), [true]],
  ['forward', (x) => model().forward(x as never), [tensor([[1, 2]])]],
  ['nn.sequential', nn.sequential as Call, [[2], nn.linear(2, 2)]],
  ['nn.linear', nn.linear as Call, [2, 2, { bias: true }]],
  ['nn.dropout', nn.dropout as Call, [0.5]],
  ['nn.summary', nn.summary as Call, [model(), { batchSize: 2 }]],
  ['new nn.Parameter', (shape, init, options) => new nn.Parameter(shape as never, init as never, options as never), [[2], nn.init.zeros(), { requiresGrad: true }]],
  ['new Trainer', (made, options) => new Trainer(made as never, options as never), [model(), { loss: losses.crossEntropy, optimizer: optim.sgd(model().parameters(), { lr: 0.1 }), metrics: [] }]],
  ['fit', (source, options) => trainer().fit(source as never, options as never), [set, { batchSize: 4, shuffle: true, seed: 1, dropLast: false, accumulate: 1, validation: set, validationSplit: undefined, callbacks: [], checkFinite: true, clip: { globalNorm: 1 }, inspect: false, signal: undefined, classWeights: [1, 1], average: undefined }]],
  // Many epochs are only long.
  ['epochs', (epochs) => (Number(typeof epochs === 'number' && epochs) > 9 ? undefined : trainer().fit(set as never, { epochs: epochs as never, shuffle: true })), [1]],
  ['validationSplit', (validationSplit) => trainer().fit(set as never, { shuffle: true, validationSplit: validationSplit as never }), [{ fraction: 0.5, seed: 1, shuffle: true, stratify: false, groups: undefined }]],
  ['evaluate', (source, options) => trainer().evaluate(source as never, options as never), [set, { batchSize: 4 }]],
  ['predict', (source, options) => trainer().predict(source as never, options as never), [set, { batchSize: 4 }]],
  ['trainer.loadStateDict', (state) => trainer().loadStateDict(state as never), [trainer().stateDict()]],
  ['optimizer.loadStateDict', (state) => optim.sgd(model().parameters(), { lr: 0.1 }).loadStateDict(state as never), [{}]],
  ...(['sgd', 'adam', 'adamw', 'rmsprop', 'lion', 'muon'] as const).map((name): [string, Call, unknown[]] => [`optim.${name}`, optim[name] as Call, [model().parameters(), { lr: 0.1, weightDecay: 0 }]]),
];

describe('calls of which one thing is not what is meant', () => {
  test.each(calls)('%s', async (_name, call, args) => {
    expect(await outcome(() => call(...args))).toBe('fine');
    for (const variant of variants(args)) for (const make of HOSTILE) expect(await outcome(() => call(...variant(make())))).toBe('fine');
    expect(await readdir(folder)).toEqual([]);
  });
});
