import { ArrayLoader, type Batch, type Loader, type TargetDType } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import { isBuiltin, type Loss } from '../losses/loss.js';
import { gather, mul, sum } from '../ops/index.js';
import { fromArray } from '../ops/leaf.js';
import { sizeOf, showShape, type Shape } from '../shape.js';
import { shown } from '../shown.js';
import { Tensor } from '../tensor.js';

/** How much each class counts: one number a class, or 'balanced': N / (C n) of a class with n of the N examples. */
export type ClassWeights = readonly number[] | Float32Array | 'balanced';

type Floats = Tensor<Shape, 'float32'>;

/** The loss of a batch, and what it counts in a mean over batches: its examples, or the sum of their weights. */
export interface WeighedLoss {
  readonly loss: Tensor;
  readonly weight: Tensor | number;
}

/** The loss of a batch. Throws ArgumentError unless `loss` gives a scalar tensor, or where there are weights and it takes none. */
export function scalarLoss(loss: Loss, outputs: Tensor, targets: Tensor, weights?: Floats): Tensor {
  if (weights !== undefined && !isBuiltin(loss) && loss.length < 3) {
    throw new ArgumentError('[Trainer] the loss takes no weights, but the data or its classes have some: got a function of (outputs, targets), expected one of (outputs, targets, { weights }).', {
      op: 'Trainer',
    });
  }
  const value: unknown = weights === undefined ? loss(outputs, targets) : loss(outputs, targets, { weights });
  if (value instanceof Tensor && sizeOf(value.shape) === 1) return value;
  const got = value instanceof Tensor ? `the shape ${showShape(value.shape)}` : value instanceof Promise ? 'a promise' : String(value);
  throw new ArgumentError(`[Trainer] the loss gave ${got}, expected a tensor of one element. Reduce it, as in mean(...), and leave it unread.`, { op: 'Trainer' });
}

/** scalarLoss(), and what it counts. */
export function weighedLoss(loss: Loss, outputs: Tensor, targets: Tensor, weights: Floats | undefined): WeighedLoss {
  return { loss: scalarLoss(loss, outputs, targets, weights), weight: weights === undefined ? (outputs.shape[0] ?? 1) : sum(weights) };
}

/** What the examples of a batch count: their own weights times those of their classes; undefined where all count alike. */
export function weightsOf(batch: Batch<Shape, Shape, TargetDType>, classes: Tensor | undefined): Floats | undefined {
  const own = batch.weights as Floats | undefined;
  if (classes === undefined) return own;
  const targets = batch[1] as Tensor;
  if (targets.dtype !== 'int32' || targets.shape.length !== 1) {
    throw new ArgumentError(`[fit] classWeights: got targets ${targets.dtype} ${showShape(targets.shape)}, expected one class index an example.`, { op: 'fit' });
  }
  const each = gather(classes as Floats, targets as Tensor<Shape, 'int32'>) as Floats;
  return own === undefined ? each : mul(own, each);
}

/** Class weights as a tensor [C]. Throws ArgumentError for what is none, and where the data cannot tell. */
export function classWeightsFor(batches: Loader, given: ClassWeights | undefined): Tensor | undefined {
  if (given === undefined) return undefined;
  const values = given === 'balanced' ? balanced(batches) : given;
  const fine = (Array.isArray(values) || values instanceof Float32Array) && values.length > 0 && values.every((value) => value >= 0 && value < Infinity) && values.some((value) => value > 0);
  if (!fine) throw new ArgumentError(`[fit] classWeights: got ${Array.isArray(given) ? `[${given.join(', ')}]` : shown(given)}, expected finite numbers of at least 0, one a class, or 'balanced'.`, { op: 'fit' });
  const counts = batches instanceof ArrayLoader ? batches.dataset.classCounts$() : undefined;
  if (counts !== undefined && counts.length > values.length) {
    throw new ArgumentError(`[fit] classWeights: got ${values.length}, expected one a class: the data has ${counts.length} of them.`, { op: 'fit' });
  }
  return fromArray(Float32Array.from(values), [values.length], 'float32');
}

function balanced(batches: Loader): number[] {
  const counts = batches instanceof ArrayLoader ? batches.dataset.classCounts$() : undefined;
  if (counts === undefined) {
    throw new ArgumentError("[fit] classWeights: got 'balanced', expected data in memory with a class index an example. Count the classes, and give one weight each: classWeights: [1, 2].", {
      op: 'fit',
    });
  }
  const all = counts.reduce((total, count) => total + count, 0);
  // A class without examples weighs nothing, whatever its weight.
  return counts.map((count) => (count === 0 ? 0 : all / (counts.length * count)));
}
