import { ArgumentError } from '../errors.js';
import { inspected } from '../inspect.js';
import { record } from '../graph/recorder.js';
import type { Shapes, ShapeFunction, ShapeMismatch, Show } from '../nn/shape-mismatch.js';
import { outputOf } from '../graph/recorder.js';
import { type MixAttrs, mixImagesOp, type Range } from '../ops/augmentation.js';
import { mul } from '../ops/index.js';
import type { Attrs, KernelRecord } from '../ops/record.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { AdaptivePooled, PerAxis, ShowPerAxis, Windows } from '../window-types.js';

type NoImages<S extends Shape> = ShapeMismatch<'augmentation takes images [C,H,W] or [H,W]', Show<S>>;
/** `Out` where S may be one image. */
type OfImage<S, Out> = S extends Shape ? (number extends S['length'] ? Out : S['length'] extends 2 | 3 ? Out : NoImages<S>) : Shape;

/** Images keep their shape. */
export interface SameImage extends ShapeFunction {
  readonly out: OfImage<this['in'], this['in']>;
}

/** Images get the height and width K. */
export interface ResizedImage<K extends PerAxis<2>> extends ShapeFunction {
  readonly out: OfImage<this['in'], this['in'] extends Shape ? AdaptivePooled<2, this['in'], K> : Shape>;
}

type Axis<P, I extends 0 | 1> = P extends readonly number[] ? P[I] : P;
type Fits<S, K, P> = S extends readonly [...number[], infer H extends number, infer W extends number]
  ? [Windows<H, Axis<K, 0> & number, 1, Axis<P, 0> & number, false>, Windows<W, Axis<K, 1> & number, 1, Axis<P, 1> & number, false>] extends [infer A, infer B]
    ? [A] extends [never] ? false : [B] extends [never] ? false : true
    : true
  : true;

/** Images with P of padding on either side are cut to the height and width K. */
export interface CroppedImage<K extends PerAxis<2>, P extends PerAxis<2>> extends ShapeFunction {
  readonly out: OfImage<this['in'], this['in'] extends Shape ? (Fits<this['in'], K, P> extends true ? AdaptivePooled<2, this['in'], K> : ShapeMismatch<`randomCrop(${ShowPerAxis<K>}) with padding ${ShowPerAxis<P>} expects images at least as large`, Show<this['in']>>) : Shape>;
}

/** An image, as a transform is asked whether it takes it. */
export interface ImageKind {
  readonly shape: Shape;
  readonly bytes: boolean;
}

/** Work of a transform: an op with its attributes, and what it needs of an image. */
interface Recipe<A extends Attrs> {
  readonly op: KernelRecord<A>;
  readonly attrs: A;
  /** Attributes in evaluation; left out where nothing is done then. */
  readonly evaluated?: A;
  /** Reason why it cannot take an image; undefined where it can. */
  readonly refuses?: (image: ImageKind) => string | undefined;
}

/** A random change of images, drawn anew for each in every epoch. `String(transform)` says which: `randomCrop(28, { padding: 4 })`. */
export class Transform<F extends ShapeFunction = ShapeFunction> {
  /** For the compiler alone. */
  declare readonly shapes$: Shapes<Shape, Shape, F>;
  readonly #text: string;
  readonly #recipe: Recipe<Attrs>;

  constructor(text: string, recipe: Recipe<never>) {
    this.#text = text;
    this.#recipe = recipe as unknown as Recipe<Attrs>;
  }

  toString(): string {
    return this.#text;
  }

  [inspected](): string {
    return this.#text;
  }

  /** Throws ArgumentError where it cannot take such images. */
  check$(op: string, image: ImageKind): void {
    const reason = this.#recipe.refuses?.(image);
    if (reason === undefined) return;
    throw new ArgumentError(`[${op}] ${this.#text}: got images ${showShape(image.shape)} of ${image.bytes ? 'bytes' : 'floats'}, expected ${reason}.`, { op, shapes: [image.shape] });
  }

  /** The shape of an image afterwards. */
  shapeOf$(shape: Shape): Shape {
    const { size } = this.#recipe.attrs as { readonly size?: readonly number[] };
    return size === undefined ? shape : [...shape.slice(0, -2), ...size];
  }

  /** Changes images, each by the number of its example. */
  augmented$(images: Tensor, examples: Tensor, key: Tensor): Tensor {
    return record(this.#recipe.op, [images, examples, key], this.#recipe.attrs);
  }

  /** Images as evaluation gets them. */
  evaluated$(images: Tensor, examples: Tensor, key: Tensor): Tensor {
    const { op, evaluated } = this.#recipe;
    return evaluated === undefined ? images : record(op, [images, examples, key], evaluated);
  }
}

/** A transform that puts two images, and their classes, together. */
export class Mixing extends Transform<SameImage> {
  /** The number of classes, where it was given. */
  readonly classes: number | undefined;
  readonly #parts: readonly MixAttrs[];

  /** Ways to mix, of which no two choose the same number. */
  constructor(text: string, parts: readonly MixAttrs[], classes: number | undefined) {
    super(text, { op: mixImagesOp as KernelRecord<never>, attrs: parts[0] as never });
    this.#parts = parts;
    this.classes = classes;
  }

  /** The same ways for numbers of a part of [0, 1). */
  within$([low, high]: Range): readonly MixAttrs[] {
    const at = (number: number): number => low + number * (high - low);
    return this.#parts.map(({ chosen, ...rest }) => ({ ...rest, chosen: [at(chosen[0]), chosen[1] === 1 ? high : at(chosen[1])] }));
  }

  /** Mixtures of images (a, b), float32, and the share [B] of a in each. */
  mixed$(a: Tensor, b: Tensor, examples: Tensor, key: Tensor): readonly [images: Tensor, shares: Tensor] {
    const shares: Tensor[] = [];
    const images = this.#parts.reduce((mixed, attrs) => {
      const next = record(mixImagesOp, [mixed, b, examples, key], attrs);
      shares.push(outputOf(next, 1));
      return next;
    }, a);
    // Each image is left as it is, with a share of 1, by all ways but one.
    return [images, shares.reduce((all, share) => mul(all, share) as Tensor)];
  }
}
