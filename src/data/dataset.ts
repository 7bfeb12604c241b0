import { ArgumentError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { fromArray, sequence } from '../ops/leaf.js';
import { gatherRows } from '../ops/indexing.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Affine } from './normalize.js';
import { splitOrder } from './order.js';
import { type Origin, withOrigin } from './origin.js';

/** Class indices are int32, float targets float32. */
export type TargetDType = 'int32' | 'float32';

/** One batch: inputs [B, ...shape] in float32, targets [B, ...targetShape]; where the data has weights, theirs as a property of it. */
export type Batch<X extends Shape, Y extends Shape, D extends TargetDType> = [
  inputs: Tensor<[number, ...X], 'float32'>,
  targets: Tensor<[number, ...Y], D>,
] & {
  /** How much each example counts: [B]. */
  readonly weights?: Tensor<[number], 'float32'> | undefined;
};

type Weighted = { readonly weights: Tensor<[number], 'float32'> };

/** What a dataset stands on: whole arrays, row-major, one row an example. Shared by all of its subsets. */
export interface Arrays<X extends Shape, Y extends Shape, D extends TargetDType> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  readonly targetDtype: D;
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;
  readonly inputs: Float32Array | Uint8Array;
  readonly targets: Float32Array | Int32Array;
  /** How much each example counts, where that was given. */
  readonly weights?: Float32Array | undefined;
  /** How bytes are normalised; floats have been already. */
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
    if (indices.length === 0) throw new ArgumentError(`[subset] got no indices, expected at least one in [0, ${this.size}).`, { op: 'subset' });
    const rows = Int32Array.from(indices);
    for (let i = 0; i < rows.length; i++) {
      const index = indices[i]!;
      if (!Number.isInteger(index) || index < 0 || index >= this.size) {
        throw new ArgumentError(`[subset] indices[${i}]: got ${index}, expected an integer in [0, ${this.size}), the examples of dataset '${this.name}'.`, {
          op: 'subset',
        });
      }
    }
    return new Dataset(this.#arrays, this.#leaves, this.toRows$(rows));
  }

  /**
   * Two datasets without a common example: the first has round(fraction * size) of them, drawn by `seed`, the second the rest.
   * Each keeps the order of this one. The same seed gives the same split on every platform.
   *
   *     const [train, validation] = all.split(0.9, { seed: 1 });
   *
   * Throws ArgumentError where a part would be empty.
   */
  split(fraction: number, options: { readonly seed?: number } = {}): [Dataset<X, Y, D>, Dataset<X, Y, D>] {
    checkOptions('split', options, ['seed']);
    const first = Math.round(fraction * this.size);
    if (!(first > 0 && first < this.size)) {
      throw new ArgumentError(`[split] fraction: got ${fraction} of ${this.size} examples, expected one that leaves at least one example on each side.`, {
        op: 'split',
      });
    }
    const order = splitOrder(this.size, checkSeed('split', options.seed ?? 0));
    return [this.subset(order.subarray(0, first).sort()), this.subset(order.subarray(first).sort())];
  }

  /** What it is, without its elements. */
  toJSON(): object {
    const { name, size, shape, targetShape, targetDtype, classes } = this;
    return { name, size, shape, targetShape, targetDtype, classes, weighted: this.#arrays.weights !== undefined };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Dataset', this.toJSON(), depth, options, inspect);
  }

  /** How many examples each label has, of those that occur; undefined where targets are no classes. */
  labelCounts$(): ReadonlyMap<number, number> | undefined {
    const { targets, targetShape } = this.#arrays;
    if (!(targets instanceof Int32Array) || targetShape.length > 0) return undefined;
    const counts = new Map<number, number>();
    const count = (label: number): void => void counts.set(label, (counts.get(label) ?? 0) + 1);
    if (this.#rows === undefined) targets.forEach(count);
    else for (const row of this.#rows) count(targets[row]!);
    return counts;
  }

  /** Positions in this dataset to positions in its arrays. */
  toRows$(positions: Int32Array): Int32Array {
    const rows = this.#rows;
    return rows === undefined ? positions : positions.map((position) => rows[position]!);
  }

  /** The batch of these rows of the arrays: two gathers, which run natively with the step that uses them. */
  batch$(rows: Int32Array, origin: Origin): Batch<X, Y, D> {
    return this.#gather(fromArray(rows, [rows.length], 'int32'), origin);
  }

  /** Batches of `size` rows that follow each other, as one: a step reads the first, its repetitions those behind it. */
  batches$(rows: Int32Array, size: number, origin: Origin): Batch<X, Y, D> {
    return this.#gather(sequence(rows, [size], 'int32'), origin);
  }

  #gather(indices: Tensor, origin: Origin): Batch<X, Y, D> {
    const { inputs, targets, weights, affine } = this.#leaves;
    const x = withOrigin(gatherRows(inputs, indices, affine), origin) as Batch<X, Y, D>[0];
    const y = withOrigin(gatherRows(targets, indices), origin) as unknown as Batch<X, Y, D>[1];
    return weights === undefined ? [x, y] : Object.assign<[typeof x, typeof y], Weighted>([x, y], { weights: gatherRows(weights, indices) as Tensor<[number], 'float32'> });
  }
}

/** A seed as Philox takes it: an integer that a double holds exactly. */
export function checkSeed(op: string, seed: number): number {
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new ArgumentError(`[${op}] seed: got ${String(seed)}, expected an integer in [0, 2^53).`, { op });
}
