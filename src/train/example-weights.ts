import { ArrayLoader, FetchedLoader, type Loader } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import { ignoredBy, type Loss } from '../losses/loss.js';
import { gather, lessEqual, logicalAnd, mul, notEqual, where } from '../ops/index.js';
import { fromArray } from '../ops/leaf.js';
import { showShape, type Shape } from '../shape.js';
import { describeList } from '../describe-value.js';
import { listFields } from '../records.js';
import { Tensor } from '../tensor.js';
import type { AnyBatch } from './step.js';

/** Weight of each class: one number a class, or 'balanced': N / (C n) of a class with n of the N examples. */
export type ClassWeights = readonly number[] | Float32Array | 'balanced';

type Floats = Tensor<Shape, 'float32'>;

/** Class weights as fit() has prepared them. */
export interface ClassFactors {
  /** [C]. */
  readonly factors: Floats;
  /** The label that the loss does not look at. */
  readonly ignored: number | undefined;
  /** True if every label of the data is known to be in [0, C). */
  readonly allInRange: boolean;
}

/** Returns the weights of a batch's examples: their own times those of their classes; undefined where all count alike. */
export function exampleWeights(batch: AnyBatch, classes: ClassFactors | undefined): Floats | undefined {
  const own = batch.weights as Floats | undefined;
  if (classes === undefined) return own;
  const [, targets] = batch;
  if (!(targets instanceof Tensor)) throw new ArgumentError(`[fit] classWeights: got targets of several fields (${listFields(targets)}), expected one class index an example. Weigh the classes in a loss of your own.`, { op: 'fit' });
  if (targets.dtype !== 'int32' || targets.shape.length !== 1) {
    throw new ArgumentError(`[fit] classWeights: got targets ${targets.dtype} ${showShape(targets.shape)}, expected one class index an example.`, { op: 'fit' });
  }
  const each = factorsOf(targets as Tensor<Shape, 'int32'>, classes);
  return own === undefined ? each : mul(own, each);
}

/** Labels that name no class weigh 0: those that the loss ignores, and negative ones, of which the loss says whether they are a mistake. */
function factorsOf(labels: Tensor<Shape, 'int32'>, { factors, ignored, allInRange }: ClassFactors): Floats {
  if (allInRange) return gather(factors, labels) as Floats;
  const atLeast0 = lessEqual(0, labels);
  const counts = ignored === undefined ? atLeast0 : logicalAnd(atLeast0, notEqual(labels, ignored));
  return where(counts, gather(factors, where(counts, labels, 0) as typeof labels), 0) as Floats;
}

/** Class weights ready for use with `loss`. Throws ArgumentError for what are none, and where the data cannot tell. */
export function classWeightsFor(batches: Loader, given: ClassWeights | undefined, loss: Loss): ClassFactors | undefined {
  if (given === undefined) return undefined;
  const ignored = ignoredBy(loss);
  const labels = batches instanceof ArrayLoader || batches instanceof FetchedLoader ? labelsOf(batches, ignored) : undefined;
  const values = given === 'balanced' ? balanced(labels) : given;
  const fine = (Array.isArray(values) || values instanceof Float32Array) && values.length > 0 && values.every((value) => typeof value === 'number' && value >= 0 && value < Infinity) && values.some((value) => value > 0);
  if (!fine) throw new ArgumentError(`[fit] classWeights: got ${describeList(given)}, expected finite numbers of at least 0, one a class, or 'balanced'.`, { op: 'fit' });
  if (labels !== undefined && labels.classes > values.length) {
    throw new ArgumentError(`[fit] classWeights: got ${values.length}, expected one a class: the data has ${labels.classes} of them.`, { op: 'fit' });
  }
  return { factors: fromArray(Float32Array.from(values), [values.length], 'float32') as Floats, ignored, allInRange: labels?.others === false };
}

/** The classes of the data, by their labels. */
interface Labels {
  /** Number of examples of each that occurs. */
  readonly counts: ReadonlyMap<number, number>;
  /** The number of classes, from 0 to the greatest. */
  readonly classes: number;
  /** True if there are labels that name no class: ignored, or negative. */
  readonly others: boolean;
}

function labelsOf({ dataset }: ArrayLoader | FetchedLoader, ignored: number | undefined): Labels | undefined {
  const all = dataset.labelCounts$();
  if (all === undefined) return undefined;
  const counts = new Map([...all].filter(([label]) => label >= 0 && label !== ignored));
  let classes = dataset.classes ?? 0;
  for (const label of counts.keys()) classes = Math.max(classes, label + 1);
  return { counts, classes, others: counts.size < all.size };
}

/** More classes than any model has: a label beyond is a mistake, for which no array of weights is made. */
const MOST_CLASSES = 2 ** 24;

function balanced(labels: Labels | undefined): number[] {
  if (labels === undefined) {
    throw new ArgumentError("[fit] classWeights: got 'balanced', expected a dataset or a folder with a class index an example. Count the classes, and give one weight each: classWeights: [1, 2].", {
      op: 'fit',
    });
  }
  const { counts, classes } = labels;
  if (classes > MOST_CLASSES) throw new ArgumentError(`[fit] classWeights: got the label ${classes - 1}, expected class indices in [0, ${MOST_CLASSES}). Correct the labels: classes count from 0.`, { op: 'fit' });
  const all = [...counts.values()].reduce((total, count) => total + count, 0);
  // A class without examples weighs nothing, whatever its weight.
  return Array.from({ length: classes }, (_, label) => (counts.has(label) ? all / (classes * counts.get(label)!) : 0));
}
