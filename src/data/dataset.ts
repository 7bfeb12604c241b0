import { inspected, labelled, type Inspect } from '../inspect.js';
import { fromArray, sequence } from '../ops/leaf.js';
import { add, mul } from '../ops/arithmetic.js';
import { gather, gatherRows } from '../ops/indexing.js';
import { unsqueeze } from '../ops/views.js';
import type { BatchTensors, ExampleShape, ShapeRecord } from '../records.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { type Augmentation, type AugmentationKey, type Augmented, type AugmentedDType, type AugmentedTarget, type Augmenting, augmentationOf, type BatchRows } from './augmentation.js';
import { type Affine, normalizedRows } from './normalize.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import { ascending } from './order.js';
import { bucketFor } from './buckets.js';
import { fingerprintOf } from './fingerprint.js';
import { isSortedByClass, labelCounts } from './labels.js';
import { checkPositions } from './positions.js';
import { lengthsOf, paddedRows, type Sequences } from './sequences.js';
import { type SplitOptions, splitPositions } from './split.js';
import type { Transform } from './transform.js';

/** Class indices are int32, float targets float32. */
export type TargetDType = 'int32' | 'float32';

/** Inputs are float32, or int32 where they are indices, such as tokens. */
export type InputDType = 'int32' | 'float32';

/** The dtype of an array, or of each of several by name. */
export type DTypes = TargetDType | { readonly [field: string]: TargetDType };

/** Shapes, and dtypes, of the targets of data that has none: no fields. */
export type NoTargets = Readonly<Record<never, never>>;

/** The dtypes of inputs of shape X where nothing says which: float32 of one array; any of a shape or a record that is not known. */
export type DefaultDType<X extends ExampleShape> = X extends ShapeRecord ? { readonly [K in keyof X]: InputDType } : Shape extends X ? InputDType : 'float32';

/**
 * One batch: inputs [B, ...shape], targets [B, ...targetShape], each a tensor or, of data with several arrays, a record of tensors; where the
 * data has weights, theirs as a property of it.
 */
export type Batch<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes = DefaultDType<X>> = [
  inputs: BatchTensors<X, E>,
  targets: BatchTensors<Y, D>,
] & {
  /** Weight of each example: [B]. */
  readonly weights?: Tensor<[number], 'float32'> | undefined;
};

type Weighted = { readonly weights: Tensor<[number], 'float32'> };

/** Storage of a dataset: whole arrays, row-major, one row an example. Shared by all of its subsets. */
export interface Arrays<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  readonly dtype: E;
  readonly targetDtype: D;
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;
  readonly inputs: readonly (Field | SequenceField)[];
  readonly targets: readonly (Field | SequenceField)[];
  /** Lengths that sequences are padded to, ascending; undefined for that of the longest of a batch. */
  readonly buckets?: readonly number[] | undefined;
  /** Weight of each example, where weights were given. */
  readonly weights?: Float32Array | undefined;
  readonly size: number;
}

/** One array of a dataset, row-major, one row an example. */
export interface Field {
  /** Its name in the record; undefined where it is the only one, and no record. */
  readonly name: string | undefined;
  readonly data: Float32Array | Int32Array | Uint8Array;
  /** The shape of one example. */
  readonly shape: Shape;
  /** Normalisation of bytes; floats have been already. */
  readonly affine?: Affine | undefined;
  /** Steps of a series, of which an example has as many as its shape says first; undefined where each row of the array is an example. */
  readonly windows?: Windows | undefined;
}

/** Examples as windows over the rows of an array, which lie over each other and are nowhere copied. */
export interface Windows {
  /** Rows of the array. */
  readonly steps: number;
  /** Rows between the beginnings of two windows. */
  readonly stride: number;
}

/** Sequences of a dataset, one an example, and the field of a batch that has their lengths. */
export interface SequenceField {
  readonly name: string | undefined;
  readonly sequences: Sequences;
  /** Undefined where lengths are not handed along. */
  readonly lengths: string | undefined;
}

/** Leaves over the whole arrays: batches gather rows from them natively, so nothing is copied in JavaScript. */
interface Leaves {
  readonly inputs: readonly (Leaf | SequenceField)[];
  readonly targets: readonly (Leaf | SequenceField)[];
  readonly weights: Tensor | undefined;
}

interface Leaf {
  readonly name: string | undefined;
  readonly tensor: Tensor;
  readonly affine: Affine | undefined;
  /** Of windows: the rows of the first, and the distance of the next. */
  readonly windows: { readonly rows: Tensor; readonly stride: number } | undefined;
}

function leavesOf({ inputs, targets, weights, size }: Arrays<ExampleShape, ExampleShape, DTypes, DTypes>): Leaves {
  const leaf = (field: Field | SequenceField): Leaf | SequenceField => {
    if ('sequences' in field) return field;
    const { name, data, shape, affine, windows } = field;
    if (windows === undefined) return { name, affine, windows, tensor: fromArray(data, [size, ...shape], dtypeOf(data)) };
    const [length = 1, ...element] = shape;
    return { name, affine, windows: { rows: fromArray(ascending(length), [length], 'int32'), stride: windows.stride }, tensor: fromArray(data, [windows.steps, ...element], dtypeOf(data)) };
  };
  return { inputs: inputs.map(leaf), targets: targets.map(leaf), weights: weights && fromArray(weights, [size], 'float32') };
}

function dtypeOf(data: Field['data']): 'uint8' | TargetDType {
  return data instanceof Uint8Array ? 'uint8' : data instanceof Int32Array ? 'int32' : 'float32';
}

/**
 * Examples that are all in memory: `data.fromArrays` and `data.fromIdx` make them. X is the shape of one input, Y that of one
 * target, both without the batch, or records of shapes by name; a model that takes another shape than X is a compile error. D and E are the
 * dtypes of targets and inputs.
 */
export class Dataset<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> {
  /** Stands in messages. */
  readonly name: string;
  /** The number of examples. */
  readonly size: number;
  /** The shape of one input; of several, a record of shapes. */
  readonly shape: X;
  /** The shape of one target: [] for a class index. */
  readonly targetShape: Y;
  /** Of the inputs, as batches have them. */
  readonly dtype: E;
  readonly targetDtype: D;
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;

  readonly #arrays: Arrays<X, Y, D, E>;
  readonly #leaves: Leaves;
  /** Positions in the arrays; undefined for all of them. */
  readonly #rows: Int32Array | undefined;
  readonly #augmentation: Augmentation | undefined;

  constructor(arrays: Arrays<X, Y, D, E>, leaves: Leaves = leavesOf(arrays), rows?: Int32Array, augmentation?: Augmentation) {
    this.name = arrays.name;
    this.size = rows?.length ?? arrays.size;
    this.shape = (augmentation?.shape ?? arrays.shape) as X;
    this.targetShape = arrays.targetShape;
    this.dtype = arrays.dtype;
    this.targetDtype = arrays.targetDtype;
    this.classes = arrays.classes;
    this.#arrays = arrays;
    this.#leaves = leaves;
    this.#rows = rows;
    this.#augmentation = augmentation;
  }

  /**
   * The examples at these positions, in this order, without copying any data. A position may occur more than once.
   * Throws ArgumentError for none, or for one outside [0, size).
   */
  subset(indices: ArrayLike<number>): Dataset<X, Y, D, E> {
    return new Dataset(this.#arrays, this.#leaves, this.toRows$(checkPositions(indices, this)), this.#augmentation);
  }

  /**
   * The same examples, images [C, H, W] or [H, W] of bytes or floats, which training sees changed by these transforms, one after the other; bytes are cast and normalised afterwards.
   * What is drawn for an image depends on the loader's seed, the epoch and the example only: neither threads nor batches change it. Training means loops over a loader, and
   * fit(); evaluate(), predict() and validation get the images as they are, or the middle of them where transforms change their size. The changes run natively in the step that
   * uses the batch. A position that a subset has twice looks the same in both places.
   *
   *     const { randomCrop, randomHorizontalFlip } = data.transforms;
   *     const augmented = photos.augment(randomCrop(32, { padding: 4 }), randomHorizontalFlip());
   *
   * Throws ArgumentError for data that is no single array of images, transforms that do not take such images, and a mixing transform that is not the last or has no class indices.
   */
  augment<const Ts extends readonly Transform[]>(...transforms: Ts & Augmenting<X, Ts>): Dataset<Augmented<X, Ts>, AugmentedTarget<Y, Ts>, AugmentedDType<D, Ts>, E> {
    const { name, shape, classes } = this;
    const [input] = this.#arrays.inputs;
    const bytes = input === undefined || 'sequences' in input || input.windows !== undefined || input.data instanceof Int32Array ? undefined : input.data instanceof Uint8Array;
    const augmentation = augmentationOf({ name, shape, classes, bytes, labelled: this.#labels() !== undefined }, transforms, this.#augmentation);
    const mixed = augmentation.mixes ? { targetShape: [augmentation.classes!], targetDtype: 'float32' } : {};
    return new Dataset({ ...this.#arrays, ...mixed } as unknown as Arrays<Augmented<X, Ts>, AugmentedTarget<Y, Ts>, AugmentedDType<D, Ts>, E>, this.#leaves, this.#rows, augmentation);
  }

  /** The transforms that training sees the images through, as text; undefined where there are none. */
  get augmentation(): string | undefined {
    return this.#augmentation && String(this.#augmentation);
  }

  /** Returns whether images are put together with others, so that batches are made with the rows of partners. */
  get mixes$(): boolean {
    return this.#augmentation?.mixes === true;
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
  split(fraction: number, options: SplitOptions = {}): [Dataset<X, Y, D, E>, Dataset<X, Y, D, E>] {
    const [first, second] = splitPositions(this.size, fraction, options, this.#labels());
    return [this.subset(first), this.subset(second)];
  }

  /** Returns whether examples have targets; without, they are for predict() and for loops by hand. */
  get hasTargets(): boolean {
    return this.#arrays.targets.length > 0;
  }

  /** Returns a description without elements. */
  toJSON(): object {
    const { name, size, shape, dtype, targetShape, targetDtype, classes, augmentation } = this;
    return { name, size, shape, dtype, targetShape, targetDtype, classes, weighted: this.#arrays.weights !== undefined, ...(augmentation === undefined ? {} : { augmentation }) };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Dataset', this.toJSON(), depth, options, inspect);
  }

  /** A hash of some of its examples, which tells it from other data of the same description. */
  fingerprint$(): string {
    return fingerprintOf([...this.#arrays.inputs, ...this.#arrays.targets], this.#rows ?? ascending(this.size));
  }

  /** Number of examples of each label that occurs; undefined where targets are no classes. */
  labelCounts$(): ReadonlyMap<number, number> | undefined {
    const labels = this.#labels();
    return labels && labelCounts(labels);
  }

  /** Returns whether there are several classes, and the examples of each stand together: all of one, then all of another. */
  get sortedByClass$(): boolean {
    const labels = this.#labels();
    return labels !== undefined && isSortedByClass(labels);
  }

  /** The class of each example; undefined where targets are no classes. */
  #labels(): Int32Array | undefined {
    const [targets] = this.#arrays.targets;
    if (targets === undefined || 'sequences' in targets || targets.name !== undefined || !(targets.data instanceof Int32Array) || targets.shape.length > 0) return undefined;
    const { data } = targets;
    return this.#rows === undefined ? data : this.#rows.map((row) => data[row]!);
  }

  /** Returns whether examples differ in length, and with them the shapes of batches. */
  get padded$(): boolean {
    return [...this.#arrays.inputs, ...this.#arrays.targets].some((field) => 'sequences' in field);
  }

  /** The bucket of each position, that of its longest input; undefined without buckets. */
  buckets$(): Int32Array | undefined {
    const { inputs, buckets } = this.#arrays;
    if (buckets === undefined) return undefined;
    const rows = this.toRows$(ascending(this.size));
    const longest = new Int32Array(this.size);
    for (const field of inputs) if ('sequences' in field) lengthsOf(field.sequences, rows).forEach((length, i) => (longest[i] = Math.max(longest[i]!, length)));
    return longest.map((length) => bucketFor(length, buckets));
  }

  /** The examples of the largest batch that a loader can make: all of them, or those of the bucket that has most. */
  largestBatch$(): number {
    const counts = new Map<number, number>();
    for (const bucket of this.buckets$() ?? []) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    return counts.size === 0 ? this.size : Math.max(...counts.values());
  }

  /** Positions in this dataset to positions in its arrays. */
  toRows$(positions: Int32Array): Int32Array {
    const rows = this.#rows;
    return rows === undefined ? positions : positions.map((position) => rows[position]!);
  }

  /** The batch of these rows of the arrays: a gather for each array, which run natively with the step that uses them. Augmented for those who train. */
  batch$(rows: Int32Array, origin: BatchOrigin, training?: TrainingRows): Batch<X, Y, D, E> {
    return this.#gather((some) => fromArray(some, [some.length], 'int32'), rows, origin, training);
  }

  /** Batches of `size` rows that follow each other, as one, of examples of one shape: a step reads the first, its repetitions those behind it. */
  batches$(rows: Int32Array, size: number, origin: BatchOrigin, training?: TrainingRows): Batch<X, Y, D, E> {
    return this.#gather((some) => sequence(some, [size], 'int32'), rows, origin, training);
  }

  #gather(leaf: (rows: Int32Array) => Tensor, rows: Int32Array, origin: BatchOrigin, training: TrainingRows | undefined): Batch<X, Y, D, E> {
    const { inputs, targets, weights } = this.#leaves;
    const { buckets } = this.#arrays;
    const indices = leaf(rows);
    const of = (indices: Tensor, origin: BatchOrigin): BatchRows => ({ indices, examples: indices, origin });
    const partners = training?.partners && of(leaf(training.partners), origin.beside(training.partners));
    const augmented = this.#augmentation && this.#augmented(this.#augmentation, of(indices, origin), partners, training);
    const x = (augmented?.[0] ?? gathered(inputs, { indices, rows, buckets, origin })) as Batch<X, Y, D, E>[0];
    const y = (augmented?.[1] ?? gathered(targets, { indices, rows, buckets, origin })) as Batch<X, Y, D, E>[1];
    return weights === undefined ? [x, y] : Object.assign<[typeof x, typeof y], Weighted>([x, y], { weights: gatherRows(weights, indices) as Tensor<[number], 'float32'> });
  }

  #augmented(augmentation: Augmentation, rows: BatchRows, partners: BatchRows | undefined, key: AugmentationKey | undefined): readonly (Tensor | undefined)[] {
    const { inputs, targets } = this.#leaves;
    const { tensor: images, affine } = inputs[0] as Leaf;
    const data = { images, affine, labels: augmentation.mixes ? (targets[0] as Leaf).tensor : undefined };
    const batch = key === undefined ? [augmentation.evaluated(data, rows)] : augmentation.augmented(data, rows, partners, key);
    for (const tensor of batch) if (tensor !== undefined) withOrigin(tensor, rows.origin);
    return batch;
  }
}

/** Numbers that the batches of an epoch are augmented by, and the rows of the images that theirs are mixed with, where they are. */
export interface TrainingRows extends AugmentationKey {
  readonly partners: Int32Array | undefined;
}

/** Rows that are gathered: as a tensor, and as they are. */
interface Gathering {
  readonly indices: Tensor;
  readonly rows: Int32Array;
  readonly buckets: readonly number[] | undefined;
  readonly origin: BatchOrigin;
}

/** Windows of a series, gathered natively: [B, length, ...element]. */
function windowsOf(series: Tensor, indices: Tensor, { rows, stride }: NonNullable<Leaf['windows']>): Tensor {
  const begin = stride === 1 ? indices : (mul(indices, stride) as Tensor);
  return gather(series, add(unsqueeze(begin, 1) as Tensor, rows) as Tensor) as Tensor;
}

/** Rows of each array, by name where it has one. */
function gathered(leaves: readonly (Leaf | SequenceField)[], { indices, rows, buckets, origin }: Gathering): unknown {
  const fields = leaves.flatMap((leaf): [string | undefined, Tensor][] => {
    if (!('sequences' in leaf)) return [[leaf.name, leaf.windows === undefined ? normalizedRows(leaf.tensor, indices, leaf.affine) : windowsOf(leaf.tensor, indices, leaf.windows)]];
    const { data, shape } = paddedRows(leaf.sequences, rows, buckets);
    const values: [string | undefined, Tensor] = [leaf.name, fromArray(data, shape, dtypeOf(data))];
    return leaf.lengths === undefined ? [values] : [values, [leaf.lengths, fromArray(lengthsOf(leaf.sequences, rows), [rows.length], 'int32')]];
  });
  for (const [, tensor] of fields) withOrigin(tensor, origin);
  const [first] = fields;
  return first !== undefined && first[0] === undefined ? first[1] : Object.fromEntries(fields as [string, Tensor][]);
}
