import { Dataset, loader as loaderOf, type DTypes } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import type { AnyLoss, Loss, TargetsOf } from '../losses/loss.js';
import type { Module } from '../nn/module.js';
import type { ShapeFunction } from '../nn/shape-mismatch.js';
import { printed } from '../inspect.js';
import { checkRequired } from '../options.js';
import type { PlotOptions } from '../plot/figure.js';
import type { ExampleShape } from '../records.js';
import { describeValue, describeList } from '../describe-value.js';
import type { Suits } from '../train/sources.js';
import { advise, type BatchAdvice } from './batch-advice.js';
import { plotAdvice } from './batch-plot.js';
import { tableOfSizes } from './batch-table.js';
import { measure, type BatchSizeFigures } from './batch-timing.js';
import { noiseScale, squaredNorms, type NoiseScale } from './noise-scale.js';
import { batchesOf, checkParts, optimizerFor, trainStep, type OptimizerOrMaker } from './step.js';
import type { AnyBatch } from '../train/step.js';
import { restoringState } from './restoring-state.js';

export interface AdviseBatchSizeOptions<L extends AnyLoss, D> {
  /** A mean over the examples of a batch. */
  readonly loss: L;
  readonly optimizer: OptimizerOrMaker;
  readonly data: D;
  /** Batch sizes to measure, rising. Default: powers of two from 8 to 4096, as far as there are examples. */
  readonly sizes?: readonly number[] | undefined;
  /** Steps of training with batches of 32 before the noise is measured, undone like everything else: a fresh model's gradients agree more than later ones. Default 100. */
  readonly after?: number | undefined;
  /** Number of large batches that the noise scale is averaged over. Default 16. */
  readonly batches?: number | undefined;
  /** Time that each size is trained for, at least, in s. Default 0.3. */
  readonly secondsPerSize?: number | undefined;
  /** Bytes that the process may use. Default: those that it uses and those that are available. */
  readonly memory?: number | undefined;
  /** Of the order of the data. Default 0. */
  readonly seed?: number | undefined;
}

/** Findings of adviseBatchSize(). JSON.stringify leaves the data, toString() gives a table and the reason. */
export interface BatchSizeReport extends BatchAdvice {
  readonly noiseScale: NoiseScale;
  /** One entry for each size that was measured. */
  readonly sizes: readonly (BatchSizeFigures & { readonly relativeTime: number })[];
  toString(): string;
  /** Throughput, time to a given loss, and memory by batch size, as SVG. Needs echarts: see plot. */
  plot(options?: PlotOptions): string;
}

const OP = 'adviseBatchSize';
const OPTIONS = ['loss', 'optimizer', 'data', 'sizes', 'after', 'batches', 'secondsPerSize', 'memory', 'seed'];
const SMALL = 32;
const LARGE = 512;

/**
 * Helps to choose a batch size: measures the gradient noise scale, the examples/s of training and its memory at each size
 * on this machine, and advises the size with which a given loss is reached soonest: with batches of B that takes
 * (1 + noise / B) times as many steps as with very large ones, so time goes as (B + noise) / examplesPerSecond(B).
 * The noise scale holds for the weights as they are; it grows while a model trains. Larger batches want a higher rate: see
 * findLearningRate. Everything is left bit for bit as it was. Times depend on the machine, the noise scale does not.
 *
 *     const advice = await adviseBatchSize(model, { loss: losses.crossEntropy, optimizer, data: train });
 *     console.log(String(advice));
 *
 * Source: McCandlish, Kaplan, Amodei et al., An Empirical Model of Large-Batch Training, 2018, arXiv:1812.06162: what the noise scale
 * says about steps (section 2), and how it is measured (appendix A.1).
 * Throws ArgumentError for wrong options, or where gradients wait for a step; the errors of a step.
 */
export async function adviseBatchSize<I extends ExampleShape, O extends ExampleShape, L extends AnyLoss, X extends ExampleShape, Y extends ExampleShape, D extends DTypes>(
  model: Module<I, O, ShapeFunction>,
  options: AdviseBatchSizeOptions<L, Dataset<X, Y, D, DTypes> & Suits<I, TargetsOf<L>, X, D>>,
): Promise<BatchSizeReport> {
  checkRequired(OP, options, OPTIONS);
  const { optimizer: given, after = 100, batches = 16, secondsPerSize = 0.3, seed = 0 } = options;
  const loss = options.loss as unknown as Loss;
  checkParts(OP, model, loss);
  if (!((options.data as unknown) instanceof Dataset)) throw new ArgumentError(`[${OP}] data: got ${describeValue(options.data)}, expected a dataset, of which batches of any size can be made. Make one: data.fromArrays({ x, y, shape }).`, { op: OP });
  const data = options.data as unknown as Dataset;
  const examples = data.largestBatch$();
  const sizes = sizesFor(options.sizes, examples);
  checkCount('after', after, 0);
  if (!(secondsPerSize > 0 && secondsPerSize < Infinity)) throw new ArgumentError(`[${OP}] secondsPerSize: got ${describeValue(secondsPerSize)}, expected a number above 0.`, { op: OP });
  if (options.memory !== undefined && !(options.memory > 0)) throw new ArgumentError(`[${OP}] memory: got ${describeValue(options.memory)}, expected bytes, a number above 0.`, { op: OP });
  checkCount('batches', batches, 2);
  const plain = model as unknown as Module;
  const optimizer = optimizerFor(OP, given, plain);
  const loader = loaderOf(data, { batchSize: Math.min(SMALL, examples), shuffle: true, seed });
  const resident = process.memoryUsage.rss();
  const memory = options.memory ?? resident + process.availableMemory();
  const { noise, figures } = await restoringState(OP, { model: plain, optimizer, loader }, async () => {
    const source = batchesOf(OP, loader);
    for (let i = 0; i < after; i++) await trainStep(plain, optimizer, loss, (await source.next()).value as AnyBatch);
    await source.return(undefined as never);
    const compared = comparedSizes(examples, batches);
    const norms = await squaredNorms(plain, optimizer, loss, data, compared, seed);
    const measured: BatchSizeFigures[] = [];
    for (const batchSize of sizes) {
      if (tooLarge(measured, batchSize, memory)) break;
      measured.push(await measure(plain, optimizer, loss, data, batchSize, secondsPerSize));
    }
    return { noise: noiseScale(norms, compared), figures: measured };
  });
  const { advice, relativeTimes } = advise(noise, figures, memory);
  const report = { ...advice, noiseScale: noise, sizes: figures.map((one, i) => ({ ...one, relativeTime: relativeTimes[i]! })) };
  return printed({ ...report, plot: (size: PlotOptions | undefined) => plotAdvice(report, size) }, () => tableOfSizes(report));
}

/** Of the sizes whose gradients are compared, the larger one is a whole number of times the smaller, and both leave batches to average over. */
function comparedSizes(examples: number, batches: number): Omit<NoiseScale, 'value' | 'standardError'> {
  const large = Math.min(LARGE, 2 ** Math.floor(Math.log2(Math.max(2, examples / 2))));
  return { small: Math.max(1, Math.min(SMALL, large / 8)), large, batches };
}

/** Returns whether the temporaries, which grow with the batch, would be more than there is; looked at before they are asked for. */
function tooLarge(measured: readonly BatchSizeFigures[], batchSize: number, memory: number): boolean {
  const last = measured.at(-1);
  return last !== undefined && last.residentBytes + last.temporaryBytes * (batchSize / last.batchSize - 1) > memory;
}

function sizesFor(sizes: readonly number[] | undefined, examples: number): readonly number[] {
  if (sizes === undefined) {
    const powers = Array.from({ length: 10 }, (_, i) => 8 * 2 ** i).filter((size) => size <= examples);
    return powers.length === 0 ? [examples] : powers;
  }
  const rising = Array.isArray(sizes) && sizes.length > 0 && sizes.every((size, i) => Number.isInteger(size) && size > (sizes[i - 1] ?? 0) && size <= examples);
  if (rising) return sizes;
  throw new ArgumentError(`[${OP}] sizes: got ${describeList(sizes)}, expected whole numbers that rise, up to the ${examples} examples of the data, such as [16, 32, 64].`, { op: OP });
}

function checkCount(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ArgumentError(`[${OP}] ${name}: got ${describeValue(value)}, expected an integer of at least ${least}.`, { op: OP });
}
