import { inspected, labelled, type Inspect } from '../inspect.js';
import type { FileFormatError } from '../errors.js';
import { fromArray } from '../ops/leaf.js';
import type { ExampleShape } from '../records.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import { type Augmentation, type AugmentationKey, type Augmented, type AugmentedDType, type AugmentedTarget, type Augmenting, augmentationOf, type BatchRows } from './augmentation.js';
import type { Batch, Dataset, DefaultDType, DTypes, TargetDType } from './dataset.js';
import type { AnyFetched, FetchedExamples } from './fetch-batches.js';
import { isSortedByClass, labelCounts } from './labels.js';
import { type Affine, normalizedRows } from './normalize.js';
import { checkPositions } from './positions.js';
import { type SplitOptions, splitPositions } from './split.js';
import type { Transform } from './transform.js';

/** An example that was left out, because its file is damaged. */
export interface SkippedExample {
  readonly path: string;
  readonly error: FileFormatError;
}

/** Facts about a FetchedDataset that all of its subsets share. */
export interface FetchedSetup<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes> {
  readonly name: string;
  readonly shape: X;
  readonly targetShape: Y;
  readonly dtype: E;
  readonly targetDtype: D;
  readonly classes: number;
  /** The class of each example. */
  readonly labels: Int32Array;
  readonly affine: Affine | undefined;
  readonly augmentation?: Augmentation | undefined;
}

/**
 * Examples that are known by number, and fetched when a batch needs them: bytes of one shape with a class index each. Their order can be shuffled as a whole, unlike that
 * of a stream, and only the batches under way are in memory, unlike a Dataset.
 */
export abstract class FetchedDataset<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> {
  /** Stands in messages. */
  readonly name: string;
  /** The number of examples. */
  readonly size: number;
  /** The shape of one input. */
  readonly shape: X;
  /** The shape of one target: [] for a class index. */
  readonly targetShape: Y;
  /** Of the inputs, as batches have them. */
  readonly dtype: E;
  readonly targetDtype: D;
  /** The number of classes. */
  readonly classes: number;
  readonly #setup: FetchedSetup<X, Y, D, E>;
  /** Numbers of the examples in the whole; undefined for all of them. */
  readonly #rows: Int32Array | undefined;

  protected constructor(setup: FetchedSetup<X, Y, D, E>, rows: Int32Array | undefined) {
    this.name = setup.name;
    this.size = rows?.length ?? setup.labels.length;
    this.shape = (setup.augmentation?.shape ?? setup.shape) as X;
    this.targetShape = setup.targetShape;
    this.dtype = setup.dtype;
    this.targetDtype = setup.targetDtype;
    this.classes = setup.classes;
    this.#setup = setup;
    this.#rows = rows;
  }

  /** The same data with these rows of the whole. */
  protected abstract withRows(rows: Int32Array): this;

  /** The same data with another setup. */
  protected abstract withSetup(setup: Pick<FetchedSetup<ExampleShape, ExampleShape, DTypes, DTypes>, 'augmentation' | 'targetShape' | 'targetDtype'>): AnyFetched;

  /** Fetches an example, by its number in the whole, into `bytes`. Resolves with the reason where it is to be left out; rejects where that ends the pass. */
  abstract fetch$(row: number, bytes: Uint8Array): Promise<FileFormatError | undefined>;

  /** Notes an example that a batch was handed out without. */
  abstract skip$(row: number, error: FileFormatError): void;

  /** The examples in memory, as a Dataset. */
  abstract load(): Promise<Dataset<X, Y, D, E>>;

  /** The class index of each example. */
  get labels(): Int32Array {
    const { labels } = this.#setup;
    return this.#rows === undefined ? labels.slice() : this.#rows.map((row) => labels[row]!);
  }

  /** The examples at these positions, in this order. A position may occur more than once. Throws ArgumentError for none, or for one outside [0, size). */
  subset(indices: ArrayLike<number>): this {
    return this.withRows(this.toRows$(checkPositions(indices, this)));
  }

  /**
   * Two parts without a common example, as Dataset.split() makes them: the first has round(fraction * size) of them, drawn by `seed`, the second the rest.
   * Throws ArgumentError where a part would be empty, for keys that are not one an example, and for a class of one example to stratify.
   */
  split(fraction: number, options: SplitOptions = {}): [this, this] {
    const [first, second] = splitPositions(this.size, fraction, options, this.labels);
    return [this.subset(first), this.subset(second)];
  }

  /**
   * The same examples, which training sees changed by these transforms, one after the other, as Dataset.augment() has it. Throws ArgumentError for transforms
   * that do not take such images, and a mixing one that is not the last.
   */
  augment<const Ts extends readonly Transform[]>(...transforms: Ts & Augmenting<X, Ts>): FetchedDataset<Augmented<X, Ts>, AugmentedTarget<Y, Ts>, AugmentedDType<D, Ts>, E> {
    const { name, shape, classes } = this;
    const augmentation = augmentationOf({ name, shape, classes, bytes: true, labelled: true }, transforms, this.#setup.augmentation);
    const { targetShape, targetDtype } = augmentation.mixes ? { targetShape: [augmentation.classes!], targetDtype: 'float32' as const } : this.#setup;
    return this.withSetup({ augmentation, targetShape, targetDtype }) as unknown as FetchedDataset<Augmented<X, Ts>, AugmentedTarget<Y, Ts>, AugmentedDType<D, Ts>, E>;
  }

  /** The transforms that training sees the images through, as text; undefined where there are none. */
  get augmentation(): string | undefined {
    return this.#setup.augmentation && String(this.#setup.augmentation);
  }

  /** Returns whether images are put together with others, so that batches are made with partners. */
  get mixes$(): boolean {
    return this.#setup.augmentation?.mixes === true;
  }

  /** Returns a description without elements. */
  toJSON(): object {
    const { name, size, shape, dtype, targetShape, targetDtype, classes, augmentation } = this;
    return { name, size, shape, dtype, targetShape, targetDtype, classes, ...(augmentation === undefined ? {} : { augmentation }) };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled(this.constructor.name, this.toJSON(), depth, options, inspect);
  }

  /** Number of examples of each label that occurs. */
  labelCounts$(): ReadonlyMap<number, number> {
    return labelCounts(this.labels);
  }

  /** Returns whether there are several classes, and the examples of each stand together. */
  get sortedByClass$(): boolean {
    return isSortedByClass(this.labels);
  }

  /** Positions in this dataset to rows of the whole. */
  toRows$(positions: Int32Array): Int32Array {
    const rows = this.#rows;
    return rows === undefined ? positions : positions.map((position) => rows[position]!);
  }

  /** Number of bytes of one example. */
  get bytes$(): number {
    return sizeOf(this.#setup.shape as Shape);
  }

  /** The batch of examples that were fetched, augmented for those who train. Bytes are cast and normalised natively in the step that uses them. */
  batch$({ rows, bytes, own, partners }: FetchedExamples, origin: BatchOrigin, training?: AugmentationKey): Batch<X, Y, D, E> {
    const { labels, affine, shape, augmentation } = this.#setup;
    const leaf = (numbers: Int32Array): Tensor => fromArray(numbers, [numbers.length], 'int32');
    const batchRows = (places: Int32Array): BatchRows => ({ indices: leaf(places), examples: leaf(places.map((place) => rows[place]!)), origin });
    const of = batchRows(own);
    const labelsOf = (some: Int32Array): Tensor => leaf(some.map((row) => labels[row]!));
    const data = { images: fromArray(bytes, [rows.length, ...(shape as Shape)], 'uint8'), affine, labels: augmentation?.mixes === true ? labelsOf(rows) : undefined };
    const [inputs, targets] =
      augmentation === undefined ? [normalizedRows(data.images, of.indices, affine)] : training === undefined ? [augmentation.evaluated(data, of)] : augmentation.augmented(data, of, partners && batchRows(partners), training);
    return [withOrigin(inputs!, origin) as Batch<X, Y, D, E>[0], withOrigin(targets ?? labelsOf(own.map((place) => rows[place]!)), origin) as Batch<X, Y, D, E>[1]];
  }
}
