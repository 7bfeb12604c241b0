import { AnnealError, ArgumentError } from '../errors.js';
import type { AnyLoss, Loss, TargetsOf } from '../losses/loss.js';
import type { DTypes } from '../data/index.js';
import type { Module } from '../nn/module.js';
import type { ShapeFunction } from '../nn/shape-mismatch.js';
import type { Optimizer } from '../optim/index.js';
import { power } from '../optim/schedules/exact.js';
import { printed } from '../inspect.js';
import { checkOptions, checkRequired, withoutUndefined } from '../options.js';
import { draw } from '../plot/draw.js';
import type { PlotOptions } from '../plot/figure.js';
import type { ExampleShape } from '../records.js';
import { toLoader, type Source, type Suits } from '../train/sources.js';
import { show, smooth, suggest, type RatePoint, type RateSuggestion } from './range-test.js';
import { batchesOf, checkParts, optimizerFor, trainStep, type CountedLoss, type OptimizerOrMaker } from './step.js';
import type { AnyBatch } from '../train/step.js';
import { restoringState } from './restoring-state.js';
import { describeValue } from '../describe-value.js';

export interface FindLearningRateOptions<L extends AnyLoss, D> {
  readonly loss: L;
  /** The optimizer whose rate is looked for, or what makes it: `(parameters) => optim.sgd(parameters, { lr: 1 })`. */
  readonly optimizer: OptimizerOrMaker;
  readonly data: D;
  /** Of the rates. Default 1e-6 to 10. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Number of rates, each for one batch. Default 100. */
  readonly steps?: number | undefined;
  /** Default 32. With shuffle (default true) and seed as in data.loader(); not for a ready loader. */
  readonly batchSize?: number | undefined;
  readonly shuffle?: boolean | undefined;
  readonly seed?: number | undefined;
}

/** Findings of a range test. JSON.stringify leaves the data. */
export interface LearningRates {
  /** The rate to begin with; undefined where the curve shows none. */
  readonly rate: number | undefined;
  readonly rule: RateSuggestion['rule'] | undefined;
  /** Reason for this rate, or for none, in words. */
  readonly reason: string;
  /** One point for each step, by rising rate. */
  readonly curve: readonly RatePoint[];
  /** The rate at which the test ended early because the loss had left its course; undefined where it went to the end. */
  readonly divergedAt: number | undefined;
  /** The rate and the reason, for people. */
  toString(): string;
  /** The curve as SVG. Needs echarts: see plot. */
  plot(options?: PlotOptions): string;
}

const OP = 'findLearningRate';
const OPTIONS = ['loss', 'optimizer', 'data', 'from', 'to', 'steps', 'batchSize', 'shuffle', 'seed'];
/** The test ends where the loss is above its best by this many times the first one. */
const DIVERGED = 3;
/** Batches in which nothing counts that are passed over. */
const MOST_EMPTY = 1000;

/**
 * Finds a learning rate by a range test: `steps` steps of training whose rate grows from `from` to `to` by a constant factor, one batch
 * each. Below the useful rates the loss stays, in them it falls, above them it explodes, where the test ends. Suggested is the rate
 * at which it falls fastest over the logarithm of the rate, or, where that is within a factor of 3 of the lowest loss, a tenth of
 * the rate there. Groups keep the ratios of their rates to the first one's. Model, optimizer, random streams and loader are left
 * bit for bit as they were; so one should come before each change of model, optimizer or batch size. The same inputs give the same curve.
 *
 *     const found = await findLearningRate(model, { loss: losses.crossEntropy, optimizer: optim.adam, data: train, batchSize: 128 });
 *     console.log(String(found));
 *     await writeFile('rates.svg', found.plot());
 *
 * Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2015, arXiv:1506.01186, section 3.3; read off as is usual since fastai.
 * Throws ArgumentError for wrong options, or where gradients wait for a step; the errors of a step.
 */
export async function findLearningRate<I extends ExampleShape, O extends ExampleShape, L extends AnyLoss, X extends ExampleShape, Y extends ExampleShape, D extends DTypes>(
  model: Module<I, O, ShapeFunction>,
  options: FindLearningRateOptions<L, Source<X, Y, D> & Suits<I, TargetsOf<L>, X, D>>,
): Promise<LearningRates> {
  checkRequired(OP, options, OPTIONS);
  const { optimizer: given, data, from = 1e-6, to = 10, steps = 100, batchSize, shuffle, seed } = options;
  const loss = options.loss as unknown as Loss;
  checkParts(OP, model, loss);
  if (!(from > 0 && to > from && Number.isFinite(to))) throw new ArgumentError(`[${OP}] from and to: got ${from} and ${to}, expected 0 < from < to, such as 1e-6 and 10.`, { op: OP });
  if (!Number.isInteger(steps) || steps < 10) throw new ArgumentError(`[${OP}] steps: got ${describeValue(steps)}, expected an integer of at least 10.`, { op: OP });
  const plain = model as unknown as Module;
  const optimizer = optimizerFor(OP, given, plain);
  const loader = toLoader(OP, data, loading(data, { batchSize, shuffle, seed }));
  const test = { model: plain, optimizer, loss, from, to, steps };
  const tested = await restoringState(OP, { model: plain, optimizer, loader }, () => raise(test, batchesOf(OP, loader)));
  return resultOf(tested, Math.max(1, Math.round(steps / 25)));
}

/** Shuffled unless asked for otherwise, where that is a question: sorted classes would be a course of their own. */
function loading(data: unknown, options: { readonly batchSize: number | undefined; readonly shuffle: boolean | undefined; readonly seed: number | undefined }) {
  const isDataset = typeof data === 'object' && data !== null && 'size' in data && !(Symbol.asyncIterator in data);
  return isDataset ? { shuffle: true, ...withoutUndefined(options) } : withoutUndefined(options);
}

interface Test {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

interface Tested {
  readonly rates: readonly number[];
  readonly losses: readonly number[];
  /** Weight of each loss. */
  readonly counts: readonly number[];
  readonly divergedAt: number | undefined;
}

/** The test itself: ends early where the loss, with its recent past, is far above its best. */
async function raise({ model, optimizer, loss, from, to, steps }: Test, batches: AsyncGenerator<AnyBatch>): Promise<Tested> {
  const rates: number[] = [];
  const losses: number[] = [];
  const counts: number[] = [];
  const first = optimizer.lr;
  const shares = optimizer.groups.map((group) => (first === 0 ? 1 : group.rateAt(optimizer.steps) / first));
  let course = 0;
  let best = Infinity;
  let empty = 0;
  for (let i = 0; i < steps; ) {
    const rate = from * power(to / from, i / (steps - 1));
    for (const [k, group] of optimizer.groups.entries()) group.lr = rate * shares[k]!;
    const { value } = await batches.next();
    const { loss: at, counts: own } = await lossAt(model, optimizer, loss, value as AnyBatch);
    if (own === 0) {
      // Nothing counts in it, so it says nothing of the rate.
      if (++empty > MOST_EMPTY) throw new ArgumentError(`[${OP}] data: got ${empty} batches in which no example counts in the loss, expected some that do. Leave out those that are ignored, or weigh 0.`, { op: OP });
      continue;
    }
    empty = 0;
    course = i === 0 ? at : 0.7 * course + 0.3 * at;
    best = Math.min(best, course);
    if (!Number.isFinite(at) || course > best + DIVERGED * Math.abs(losses[0] ?? at)) {
      await batches.return(undefined);
      return { rates, losses, counts, divergedAt: rate };
    }
    rates.push(rate);
    losses.push(at);
    counts.push(own);
    i++;
  }
  await batches.return(undefined);
  return { rates, losses, counts, divergedAt: undefined };
}

/** A step that finds its own loss or gradients not finite has said what the test wants to know. */
async function lossAt(model: Module, optimizer: Optimizer, loss: Loss, batch: AnyBatch): Promise<CountedLoss> {
  try {
    return await trainStep(model, optimizer, loss, batch);
  } catch (error) {
    if (error instanceof AnnealError && error.code === 'ANNEAL_NON_FINITE') return { loss: NaN, counts: NaN };
    throw error;
  }
}

function resultOf({ rates, losses, counts, divergedAt }: Tested, reach: number): LearningRates {
  const smoothed = smooth(losses, reach, counts);
  const curve = rates.map((rate, i) => ({ rate, loss: losses[i]!, smoothed: smoothed[i]! }));
  const suggestion = suggest(curve);
  const { rate, reason } = suggestion;
  const rule = 'rule' in suggestion ? suggestion.rule : undefined;
  const result = { rate, rule, reason, curve, divergedAt };
  const text = rate === undefined ? `No learning rate. ${reason}` : `Learning rate ${show(rate)}. ${reason}`;
  return printed({ ...result, plot: (options: PlotOptions | undefined) => picture(result, options) }, () => text);
}

/** Returns where the axis is cut: half the dip above its highest point before the lowest one, so that the dip has the picture and not the explosion behind it. */
function ceilingOf(curve: LearningRates['curve']): number {
  const smoothed = curve.map((point) => point.smoothed);
  const lowest = smoothed.reduce((at, value, i) => (value < smoothed[at]! ? i : at), 0);
  const before = Math.max(...smoothed.slice(0, lowest + 1));
  const dip = before - smoothed[lowest]!;
  return dip > 0 ? before + dip / 2 : Infinity;
}

function picture({ rate, reason, curve, divergedAt }: Omit<LearningRates, 'plot' | 'toString'>, options: PlotOptions = {}): string {
  checkOptions(`${OP}.plot`, options, ['title', 'width', 'height']);
  const marks = [
    ...(rate === undefined ? [] : [{ x: rate, text: `suggested: ${show(rate)}` }]),
    ...(divergedAt === undefined ? [] : [{ x: divergedAt, text: `left its course at ${show(divergedAt)}` }]),
  ];
  const lines = [
    { name: 'smoothed', points: curve.map(({ rate: x, smoothed }) => [x, smoothed] as const), dots: false },
    { name: 'loss of each batch', points: curve.map(({ rate: x, loss }) => [x, loss] as const), style: 'faint' as const, like: 'smoothed', dots: false },
  ];
  const panels = [{ x: { name: 'learning rate', scale: 'log' as const }, y: { name: 'loss', most: ceilingOf(curve) }, lines, marks }];
  return draw({ title: 'Range test of the learning rate', subtitle: reason, panels }, options);
}
