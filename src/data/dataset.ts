import { ArgumentError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { allocate, isNumericArray } from '../numeric-array.js';
import { fromArray, sequence } from '../ops/leaf.js';
import { gatherRows } from '../ops/indexing.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import type { Affine } from './normalize.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import { type SplitOptions, splitPositions } from './split.js';

/** Class indices are int32, float targets float32. */
export type TargetDType = 'int32' | 'float32';

/** One batch: inputs [B, ...shape] in float32, targets [B, ...targetShape]; where the data has weights, theirs as a property of it. */
export type Batch<X extends Shape, Y extends Shape, D extends TargetDType> = [
  inputs: Tensor<[number, ...X], 'float32'>,
  targets: Tensor<[number, ...Y], D>,
] & {
  /** Weight of each example: [B]. */
  readonly weights?: Tensor<[number], 'float32'> | undefined;
};

type Weighted = { readonly weights: Tensor<[number], 'float32'> };

/** Storage of a dataset: whole arrays, row-major, one row an example. Shared by all of its subsets. */
export interface Arrays<X extends Shape, Y extends Shape, D extends TargetDType> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  readonly targetDtype: D;
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;
  readonly inputs: Float32Array | Uint8Array;
  readonly targets: Float32Array | Int32Array;
  /** Weight of each example, where weights were given. */
  readonly weights?: Float32Array | undefined;
  /** Normalisation of bytes; floats have been already. */
  readonly affine: Affine | undefined;
  readonly size: number;
}

/** Leaves over the whole arrays: batches gather rows from them natively, so nothing is copied in JavaScript. */
interface Leaves {
  readonly inputs: Tensor;
  readonly targets: Tensor;
  readonly weights: Tensor | undefined;
  readonly affine: Affine | undefined;
}

function leavesOf(arrays: Arrays<Shape, Shape, TargetDType>): Leaves {
  const { inputs, targets, weights, affine } = arrays;
  return {
    inputs: fromArray(inputs, [arrays.size, ...arrays.shape], inputs instanceof Uint8Array ? 'uint8' : 'float32'),
    targets: fromArray(targets, [arrays.size, ...arrays.targetShape], arrays.targetDtype),
    weights: weights && fromArray(weights, [arrays.size], 'float32'),
    affine,
  };
}

/**
 * Examples that are all in memory: `data.fromArrays` and `data.fromIdx` make them. X is the shape of one input, Y that of one
 * target, both without the batch; a model that takes another shape than X is a compile error.
 */
export class Dataset<X extends Shape = Shape, Y extends Shape = Shape, D extends TargetDType = TargetDType> {
  /** Stands in messages. */
  readonly name: string;
  /** The number of examples. */
  readonly size: number;
  /** The shape of one input. */
  readonly shape: X;
  /** The shape of one target: [] for a class index. */
  readonly targetShape: Y;
  readonly targetDtype: D;
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;

  readonly #arrays: Arrays<X, Y, D>;
  readonly #leaves: Leaves;
  /** Positions in the arrays; undefined for all of them. */
  readonly #rows: Int32Array | undefined;

  constructor(arrays: Arrays<X, Y, D>, leaves: Leaves = leavesOf(arrays), rows?: Int32Array) {
    this.name = arrays.name;
    this.size = rows?.length ?? arrays.size;
    this.shape = arrays.shape;
    this.targetShape = arrays.targetShape;
    this.targetDtype = arrays.targetDtype;
    this.classes = arrays.classes;
    this.#arrays = arrays;
    this.#leaves = leaves;
    this.#rows = rows;
  }

  /**
   * The examples at these positions, in this order, without copying any data. A position may occur more than once.
   * Throws ArgumentError for none, or for one outside [0, size).
   */
  subset(indices: ArrayLike<number>): Dataset<X, Y, D> {
    if (!Array.isArray(indices) && !isNumericArray(indices)) throw new ArgumentError(`[subset] indices: got ${describeValue(indices)}, expected an array of integers in [0, ${this.size}).`, { op: 'subset' });
    if (indices.length === 0) throw new ArgumentError(`[subset] got no indices, expected at least one in [0, ${this.size}).`, { op: 'subset' });
    const rows = allocate('subset', 'indices', indices.length, () => new Int32Array(indices.length));
    for (let i = 0; i < rows.length; i++) {
      const index: unknown = indices[i];
      if (!isIndex(index, this.size)) {
        throw new ArgumentError(`[subset] indices[${i}]: got ${describeValue(index)}, expected an integer in [0, ${this.size}), the examples of dataset '${this.name}'.`, {
          op: 'subset',
        });
      }
      rows[i] = index;
    }
    return new Dataset(this.#arrays, this.#leaves, this.toRows$(rows));
  }

  /**
   * Two datasets without a common example: the first has round(fraction * size) of them, drawn by `seed`, the second the rest.
   * Each keeps the order of this one. The same seed gives the same split on every platform.
   *
   *     const [train, validation] = all.split(0.9, { seed: 1 });
   *     const [past, future] = all.split(0.8, { shuffle: false });            // a series
   *     const [some, others] = all.split(0.8, { groups: patients });          // nobody in both
   *     const [a, b] = all.split(0.5, { stratify: true });                    // each class in the same share
   *
   * As sklearn.model_selection: train_test_split with shuffle and stratify, and GroupShuffleSplit, whose fraction is of the groups.
   * Throws ArgumentError where a part would be empty, for keys that are not one an example, and for a class of one example to stratify.
   */
  split(fraction: number, options: SplitOptions = {}): [Dataset<X, Y, D>, Dataset<X, Y, D>] {
    const [first, second] = splitPositions(this.size, fraction, options, this.#labels());
    return [this.subset(first), this.subset(second)];
  }

  /** Returns a description without elements. */
  toJSON(): object {
    const { name, size, shape, targetShape, targetDtype, classes } = this;
    return { name, size, shape, targetShape, targetDtype, classes, weighted: this.#arrays.weights !== undefined };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Dataset', this.toJSON(), depth, options, inspect);
  }

  /** Number of examples of each label that occurs; undefined where targets are no classes. */
  labelCounts$(): ReadonlyMap<number, number> | undefined {
    const labels = this.#labels();
    if (labels === undefined) return undefined;
    const counts = new Map<number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return counts;
  }

  /** Returns whether there are several classes, and the examples of each stand together: all of one, then all of another. */
  get sortedByClass$(): boolean {
    const labels = this.#labels();
    if (labels === undefined || labels[0] === labels.at(-1)) return false;
    const ended = new Set<number>();
    for (let i = 1; i < labels.length; i++) {
      if (labels[i] === labels[i - 1]) continue;
      ended.add(labels[i - 1]!);
      if (ended.has(labels[i]!)) return false;
    }
    return ended.size + 1 < labels.length;
  }

  /** The class of each example; undefined where targets are no classes. */
  #labels(): Int32Array | undefined {
    const { targets, targetShape } = this.#arrays;
    if (!(targets instanceof Int32Array) || targetShape.length > 0) return undefined;
    return this.#rows === undefined ? targets : this.#rows.map((row) => targets[row]!);
  }

  /** Positions in this dataset to positions in its arrays. */
  toRows$(positions: Int32Array): Int32Array {
    const rows = this.#rows;
    return rows === undefined ? positions : positions.map((position) => rows[position]!);
  }

  /** The batch of these rows of the arrays: two gathers, which run natively with the step that uses them. */
  batch$(rows: Int32Array, origin: BatchOrigin): Batch<X, Y, D> {
    return this.#gather(fromArray(rows, [rows.length], 'int32'), origin);
  }

  /** Batches of `size` rows that follow each other, as one: a step reads the first, its repetitions those behind it. */
  batches$(rows: Int32Array, size: number, origin: BatchOrigin): Batch<X, Y, D> {
    return this.#gather(sequence(rows, [size], 'int32'), origin);
  }

  #gather(indices: Tensor, origin: BatchOrigin): Batch<X, Y, D> {
    const { inputs, targets, weights, affine } = this.#leaves;
    const x = withOrigin(gatherRows(inputs, indices, affine), origin) as Batch<X, Y, D>[0];
    const y = withOrigin(gatherRows(targets, indices), origin) as unknown as Batch<X, Y, D>[1];
    return weights === undefined ? [x, y] : Object.assign<[typeof x, typeof y], Weighted>([x, y], { weights: gatherRows(weights, indices) as Tensor<[number], 'float32'> });
  }
}

function isIndex(value: unknown, size: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < size;
}
