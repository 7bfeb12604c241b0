import { Dataset, type DTypes } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import type { AnyLoss, Loss, TargetsOf } from '../losses/loss.js';
import type { Metric } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { ShapeFunction } from '../nn/shape-mismatch.js';
import { printed } from '../inspect.js';
import { checkChoice, checkOptions, checkRequired } from '../options.js';
import type { PlotOptions } from '../plot/figure.js';
import type { ExampleShape } from '../records.js';
import { describeValue } from '../describe-value.js';
import { checkSignal } from '../train/signal.js';
import type { Suits } from '../train/sources.js';
import { deviation, mean, rank, rounds, survivors, type Mode } from './halving.js';
import { plotStrategies, tableOf } from './strategies-shown.js';
import { StrategyRun, type RunSetup, type Strategy } from './strategy-run.js';

export interface CompareOptions<M, L extends AnyLoss, D, N extends string> {
  /** Makes the model that every run trains: called once for each strategy and seed, with the random streams at that seed. */
  readonly model: () => M;
  readonly loss: L;
  readonly data: D;
  /** Measured after each epoch; without, the training results are compared. */
  readonly validation?: Dataset<ExampleShape, ExampleShape, DTypes, DTypes> | undefined;
  readonly metrics?: readonly Metric<N>[] | undefined;
  /** Result that is compared: 'loss', the default, or the name of a metric. */
  readonly by?: 'loss' | N | undefined;
  /** Direction that is best. Default: what the metric says of itself, 'min' for the loss. */
  readonly mode?: Mode | undefined;
  /** Of initialisation, dropout and order, the same for every strategy. Default [1, 2, 3]. */
  readonly seeds?: readonly number[] | undefined;
  /** Default 10. */
  readonly epochs?: number | undefined;
  /** Of strategies that do not say another. Default 32. */
  readonly batchSize?: number | undefined;
  /** Stop strategies that clearly lose. Default true. A schedule that blooms late may lose in the middle: false lets all of them end. */
  readonly halving?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Results of a strategy over its seeds. */
export interface StrategyRow {
  readonly name: string;
  /** The measure after the last epoch trained, of each seed; NaN for one that has diverged. */
  readonly values: readonly number[];
  readonly mean: number;
  /** The standard deviation over the seeds. */
  readonly deviation: number;
  readonly epochs: number;
  /** True if it was stopped early because it clearly lost. */
  readonly stopped: boolean;
  /** Message of the first diverging seed. */
  readonly diverged: string | undefined;
  readonly secondsPerEpoch: number;
  /** The measure after each epoch, of each seed. */
  readonly curves: readonly (readonly number[])[];
  /** The training loss of each epoch, of each seed. */
  readonly trainingLosses: readonly (readonly number[])[];
}

/** Findings of a comparison, best first. JSON.stringify leaves the data, toString() gives a table. */
export interface Comparison {
  readonly by: string;
  readonly mode: Mode;
  readonly seeds: readonly number[];
  readonly epochs: number;
  readonly rows: readonly StrategyRow[];
  toString(): string;
  /** Mean and range over the seeds by epoch, as SVG. Needs echarts: see plot. */
  plot(options?: PlotOptions): string;
}

const OP = 'compareStrategies';
const OPTIONS = ['model', 'loss', 'data', 'validation', 'metrics', 'by', 'mode', 'seeds', 'epochs', 'batchSize', 'halving', 'signal'];

/**
 * Compares optimizers, schedules, batch sizes or losses: trains the same model on the same data from the same seeds by each strategy, and
 * ranks them with the spread over the seeds. Those that clearly lose are stopped early: after each round, which trains twice as long as
 * the one before, the better half goes on, and of the others those of which a seed is better than the leader's worst. The random
 * streams are afterwards as they were; all runs live in memory until the end. The same inputs give the same results.
 *
 *     const compared = await compareStrategies({
 *       sgd: { optimizer: (parameters) => optim.sgd(parameters, { lr: 0.1 }) },
 *       adam: { optimizer: (parameters, { steps }) => optim.adam(parameters, { lr: optim.schedules.cosine(1e-3, steps) }) },
 *     }, { model: () => nn.sequential([784], nn.linear(784, 10)), loss: losses.crossEntropy, data: train, validation: test });
 *     console.log(String(compared));
 *
 * Source of the early stopping: Jamieson and Talwalkar, Non-stochastic Best Arm Identification, 2015, arXiv:1502.07943 (successive halving).
 * Throws ArgumentError for wrong options; the errors of a step, but that a strategy that diverges comes last.
 */
export async function compareStrategies<I extends ExampleShape, O extends ExampleShape, L extends AnyLoss, X extends ExampleShape, Y extends ExampleShape, D extends DTypes, N extends string = never>(
  strategies: Readonly<Record<string, Strategy>>,
  options: CompareOptions<Module<I, O, ShapeFunction>, L, Dataset<X, Y, D, DTypes> & Suits<I, TargetsOf<L>, X, D>, N>,
): Promise<Comparison> {
  checkRequired(OP, options, OPTIONS);
  const { by = 'loss', seeds = [1, 2, 3], epochs = 10, halving = true } = options;
  const { mode = options.metrics?.find(({ name }) => name === by)?.mode ?? 'min' } = options;
  check(strategies, { ...options, metrics: options.metrics ?? [] }, { by, mode, seeds, epochs });
  const { model, loss, metrics = [], validation, batchSize = 32, signal } = options;
  checkSignal(OP, signal);
  const setup: RunSetup = { model: model as unknown as () => Module, made: new Set(), loss: loss as unknown as Loss, metrics, data: options.data as unknown as Dataset, validation: validation as Dataset | undefined, epochs, batchSize, by, signal };
  const entrants = Object.entries(strategies).map(([name, strategy]) => new Entrant(name, seeds.map((seed) => new StrategyRun(setup, strategy, seed))));
  await compete(entrants, halving ? rounds(entrants.length, epochs) : [epochs], mode);
  return comparison(entrants, { by, mode, seeds, epochs });
}

/** A strategy with all its seeds. */
class Entrant {
  stopped = false;
  constructor(
    readonly name: string,
    readonly runs: readonly StrategyRun[],
  ) {}

  get values(): number[] {
    return this.runs.map(({ last }) => last);
  }

  get epochs(): number {
    return this.runs.reduce((most, { values }) => Math.max(most, values.length), 0);
  }
}

async function compete(entrants: readonly Entrant[], budgets: readonly number[], mode: Mode): Promise<void> {
  let left = entrants;
  for (const [round, epochs] of budgets.entries()) {
    for (const { runs } of left) for (const run of runs) await run.until(epochs);
    if (round === budgets.length - 1) return;
    const goOn = new Set(survivors(left, mode).map(({ name }) => name));
    for (const entrant of left) entrant.stopped = !goOn.has(entrant.name);
    left = left.filter(({ stopped }) => !stopped);
  }
}

function comparison(entrants: readonly Entrant[], facts: Pick<Comparison, 'by' | 'mode' | 'seeds' | 'epochs'>): Comparison {
  const last = entrants.reduce((most, { stopped, epochs }) => (stopped ? most : Math.max(most, epochs)), 0);
  // Who was trained longer has lost later.
  const ranked = rank(entrants, facts.mode).toSorted((a, b) => (b.stopped ? b.epochs : last) - (a.stopped ? a.epochs : last));
  const rows = ranked.map(({ name, runs, values, epochs, stopped }): StrategyRow => {
    const trained = runs.reduce((sum, run) => sum + run.values.length, 0);
    return {
      name,
      values,
      mean: mean(values),
      deviation: deviation(values),
      epochs,
      stopped,
      diverged: runs.find(({ diverged }) => diverged !== undefined)?.diverged,
      secondsPerEpoch: trained === 0 ? 0 : runs.reduce((sum, { seconds }) => sum + seconds, 0) / trained,
      curves: runs.map((run) => run.values),
      trainingLosses: runs.map(({ trainingLosses }) => trainingLosses),
    };
  });
  const found = { ...facts, rows };
  return printed({ ...found, plot: (size: PlotOptions | undefined) => plotStrategies(found, size) }, () => tableOf(found));
}

interface Checked {
  readonly by: string;
  readonly mode: string;
  readonly seeds: readonly number[];
  readonly epochs: number;
}

function check(strategies: Readonly<Record<string, Strategy>>, options: { readonly model: unknown; readonly loss: unknown; readonly data: unknown; readonly validation?: unknown; readonly metrics: readonly Metric[] }, { by, mode, seeds, epochs }: Checked): void {
  const entries = Object.entries(strategies ?? {});
  if (entries.length < 2) throw invalid(`got ${entries.length === 0 ? 'no strategies' : 'one strategy'}, expected at least two by name, such as { sgd: { optimizer: (parameters) => optim.sgd(parameters, { lr: 0.1 }) }, ... }`);
  for (const [name, strategy] of entries) {
    checkOptions(`${OP}: ${name}`, strategy, ['optimizer', 'batchSize', 'loss']);
    if (typeof strategy.optimizer !== 'function') throw invalid(`${name}: got no function as optimizer, expected one that makes it anew for each run, such as (parameters) => optim.adam(parameters)`);
  }
  if (typeof options.model !== 'function') throw invalid(`model: got ${describeValue(options.model)}, expected a function that makes it anew for each run, such as () => nn.sequential(...)`);
  if (typeof options.loss !== 'function') throw invalid(`loss: got ${describeValue(options.loss)}, expected a function of (outputs, targets), such as losses.crossEntropy`);
  checkChoice(OP, 'by', by, ['loss', ...options.metrics.map(({ name }) => name)]);
  checkChoice(OP, 'mode', mode, ['min', 'max']);
  if (by === 'loss' && entries.some(([, { loss }]) => loss !== undefined)) throw invalid('strategies with losses of their own cannot be compared by the loss. Compare them by a metric: { metrics: [metrics.accuracy()], by: \'accuracy\' }');
  if (!Array.isArray(seeds) || seeds.length === 0) throw invalid(`seeds: got ${Array.isArray(seeds) ? 'none' : describeValue(seeds)}, expected at least one, such as [1, 2, 3]`);
  if (new Set(seeds).size < seeds.length) throw invalid(`seeds: got ${seeds.join(', ')}, expected different ones: the same seed gives the same figures, which would hide the spread`);
  if (!Number.isInteger(epochs) || epochs < 1) throw invalid(`epochs: got ${describeValue(epochs)}, expected an integer of at least 1`);
  for (const [name, given] of [['data', options.data], ['validation', options.validation ?? options.data]] as const) {
    if (!(given instanceof Dataset)) throw invalid(`${name}: got ${describeValue(given)}, expected a dataset, which every run can go through in its own order. Make one: data.fromArrays({ x, y, shape })`);
  }
}

function invalid(text: string): ArgumentError {
  return new ArgumentError(`[${OP}] ${text}.`, { op: OP });
}
