import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { record } from '../graph/recorder.js';
import type { Chain, Fitting } from '../nn/shape-mismatch.js';
import { add, sub } from '../ops/index.js';
import { gather } from '../ops/indexing.js';
import { slots } from '../ops/leaf.js';
import { scatterOp } from '../ops/take-along-axis.js';
import { type ExampleShape, showExampleShape } from '../records.js';
import { sameShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { type BatchOrigin, withOrigin } from './batch-origin.js';
import type { DTypes } from './dataset.js';
import { type Affine, normalized, normalizedRows } from './normalize.js';
import { type ImageKind, Mixing, Transform } from './transform.js';

/** The transforms as they are, but for the first that does not fit: in its place stands the reason, so that the error is on it. */
export type Augmenting<X extends ExampleShape, Ts extends readonly Transform[]> = X extends Shape ? Fitting<X, Ts, 'the examples are'> : `augmentation takes one array of images, but the data has the fields ${keyof X & string}`[];
/** Shape of images after transforms. */
export type Augmented<X extends ExampleShape, Ts extends readonly unknown[]> = X extends Shape ? Chain<X, Ts> : never;

type Mixes<Ts extends readonly unknown[]> = Ts extends readonly [...unknown[], infer Last] ? (Last extends Mixing ? true : false) : false;
/** Shape of targets after transforms: probabilities where images are mixed. */
export type AugmentedTarget<Y extends ExampleShape, Ts extends readonly unknown[]> = Mixes<Ts> extends true ? [number] : Y;
export type AugmentedDType<D extends DTypes, Ts extends readonly unknown[]> = Mixes<Ts> extends true ? 'float32' : D;

/** Numbers that a batch's augmentation is drawn by, with those of its examples. */
export interface AugmentationKey {
  readonly seed: number;
  readonly epoch: number;
}

/** Rows of a batch among data that is there, and the numbers of their examples. */
export interface BatchRows {
  readonly indices: Tensor;
  readonly examples: Tensor;
  readonly origin: BatchOrigin;
}

/** Data that batches are made from. */
export interface AugmentedData {
  /** [N, ..], bytes or floats. */
  readonly images: Tensor;
  readonly affine: Affine | undefined;
  /** Class indices, int32 [N]; of data that is mixed. */
  readonly labels: Tensor | undefined;
}

/** 'augm' in ASCII, so that it meets no other use of the same seed. */
const STREAM = 0x6175676d;

/** A chain of transforms over images of one shape. */
export class Augmentation {
  /** Of an image afterwards. */
  readonly shape: Shape;
  /** The number of classes, where images are mixed. */
  readonly classes: number | undefined;
  readonly #transforms: readonly Transform[];
  readonly #mixing: Mixing | undefined;
  /** True where evaluation changes images, too: their size. */
  readonly #resizes: boolean;

  /** Throws ArgumentError for transforms that do not take such images. */
  constructor(image: ImageKind, transforms: readonly Transform[], classes: number | undefined) {
    const last = transforms.at(-1);
    this.#mixing = last instanceof Mixing ? last : undefined;
    this.#transforms = this.#mixing === undefined ? transforms : transforms.slice(0, -1);
    let { shape } = image;
    let resizes = false;
    for (const transform of this.#transforms) {
      if (transform instanceof Mixing) throw new ArgumentError(`[augment] ${String(transform)}: got it before ${String(last)}, expected it last: what follows would change mixtures.`, { op: 'augment' });
      transform.check$('augment', { ...image, shape });
      const before = shape;
      shape = transform.shapeOf$(before);
      resizes ||= !sameShape(shape, before);
    }
    this.shape = shape;
    this.#resizes = resizes;
    this.classes = this.#mixing && (this.#mixing.classes ?? classes);
    if (this.#mixing !== undefined && this.classes === undefined) throw new ArgumentError(`[augment] ${String(this.#mixing)}: the data does not say how many classes it has, expected their number. Give { classes: 10 } to the data or to the transform.`, { op: 'augment' });
  }

  /** Returns whether images are put together with others. */
  get mixes(): boolean {
    return this.#mixing !== undefined;
  }

  toString(): string {
    return [...this.#transforms, ...(this.#mixing === undefined ? [] : [this.#mixing])].join(', ');
  }

  /** A batch of images as evaluation gets it. */
  evaluated({ images, affine }: AugmentedData, { indices, examples }: BatchRows): Tensor {
    if (!this.#resizes) return normalizedRows(images, indices, affine);
    const key = keyOf({ seed: 0, epoch: 0 }, 0);
    const resized = this.#transforms.reduce((batch, transform) => transform.evaluated$(batch, examples, key), gather(images, indices as Tensor<Shape, 'int32'>) as Tensor);
    return normalized(resized, affine);
  }

  /** A batch of augmented images; of mixed ones also the targets [B, classes]. */
  augmented(data: AugmentedData, own: BatchRows, partners: BatchRows | undefined, key: AugmentationKey): readonly [images: Tensor, targets: Tensor | undefined] {
    const images = this.#chain(data, own, key);
    if (this.#mixing === undefined) return [images, undefined];
    const classes = this.classes!;
    const [mixed, shares] = this.#mixing.mixed$(images, this.#chain(data, partners!, key), own.examples, keyOf(key, this.#transforms.length));
    const part = (share: Tensor, { indices, origin }: BatchRows): Tensor => record(scatterOp, [share, withOrigin(gather(data.labels!, indices as Tensor<Shape, 'int32'>) as Tensor, origin)], { classes });
    return [mixed, add(part(shares, own), part(sub(1, shares) as Tensor, partners!)) as Tensor];
  }

  #chain({ images, affine }: AugmentedData, { indices, examples }: BatchRows, key: AugmentationKey): Tensor {
    const rows = gather(images, indices as Tensor<Shape, 'int32'>) as Tensor;
    return normalized(this.#transforms.reduce((batch, transform, place) => transform.augmented$(batch, examples, keyOf(key, place)), rows), affine);
  }
}

/** The key of the transform at that place: int32 [5]. */
function keyOf({ seed, epoch }: AugmentationKey, place: number): Tensor {
  return slots([seed | 0, Math.floor(seed / 2 ** 32) | 0, STREAM, place, epoch | 0], 'int32');
}

/** Augmentation of the inputs of a dataset, behind what it has already. Throws ArgumentError for what is no transform, and for data that is no single array of images. */
export function augmentationOf(
  { name, shape, classes, bytes, labelled }: { readonly name: string; readonly shape: ExampleShape; readonly classes: number | undefined; readonly bytes: boolean | undefined; readonly labelled: boolean },
  transforms: readonly unknown[],
  present: Augmentation | undefined,
): Augmentation {
  const fail = (what: string): ArgumentError => new ArgumentError(`[augment] ${what}`, { op: 'augment' });
  if (present !== undefined) throw fail(`dataset '${name}' is augmented already, by ${String(present)}. Give all transforms in one call.`);
  transforms.forEach((transform, i) => {
    if (!(transform instanceof Transform)) throw fail(`transform ${i}: got ${describeValue(transform)}, expected one of data.transforms, as in augment(data.transforms.randomHorizontalFlip()).`);
  });
  if (transforms.length === 0) throw fail('got no transforms, expected at least one, as in augment(data.transforms.randomHorizontalFlip()).');
  const isImage = Array.isArray(shape) && (shape.length === 2 || shape.length === 3);
  if (!isImage || bytes === undefined) throw fail(`dataset '${name}': got examples ${showExampleShape(shape)}${isImage ? ' int32' : ''}, expected images of bytes or floats [C,H,W] or [H,W]. Give their shape to the data, as in { shape: [1, 28, 28] }.`);
  if (!labelled && transforms.at(-1) instanceof Mixing) throw fail(`${String(transforms.at(-1))}: the targets of dataset '${name}' are no class indices, expected one class an example.`);
  return new Augmentation({ shape: shape as Shape, bytes }, transforms as readonly Transform[], classes);
}
