import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { checkNumber } from '../ops/check.js';
import { recordPad, type PadMode } from '../ops/pad.js';
import { describeSizes } from '../ops/windows.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Padded, SpatialRank } from '../window-types.js';
import { noExamples, type NoExamples } from './examples.js';
import { Layer, type LayerCall } from './layer.js';
import type { InferredShape } from './shape-inference.js';
import type { ShapeFunction } from './shape-mismatch.js';

type Sides<P = number> = {
  1: readonly [left: P, right: P];
  2: readonly [left: P, right: P, top: P, bottom: P];
  3: readonly [left: P, right: P, top: P, bottom: P, front: P, back: P];
};

/** One number for all sides, or one each in torch's order, the last axis first. */
export type Padding<R extends SpatialRank = SpatialRank> = number | Sides[R];
type PadsOf<R extends SpatialRank, P> = P extends number ? Sides<P>[R] : P extends readonly number[] ? P : readonly number[];

/** A padding of R spatial axes by P. */
export interface PaddedExample<R extends SpatialRank, P> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, ...infer Spatial extends number[]]
        ? Spatial['length'] extends R
          ? Padded<this['in'], PadsOf<R, P>>
          : NoExamples<'a padding', R, this['in']>
        : NoExamples<'a padding', R, this['in']>
    : Shape;
}

/** See constantPad2d(), reflectionPad2d(), replicationPad2d(), circularPad2d() and zeroPad2d(). */
export class Pad<R extends SpatialRank = SpatialRank, P extends Padding<R> = Padding<R>> extends Layer<Shape, Shape, PaddedExample<R, P>> {
  readonly name: string;
  readonly rank: R;
  readonly padding: P;
  readonly mode: PadMode;
  /** The number that stands around in the mode 'constant'. */
  readonly value: number;
  readonly #pads: readonly number[];

  constructor(name: string, rank: R, padding: P, mode: PadMode, value = 0) {
    super();
    const pads: unknown = typeof padding === 'number' ? Array.from({ length: 2 * rank }, () => padding) : padding;
    if (!(Array.isArray(pads) && pads.length === 2 * rank && pads.every(Number.isSafeInteger))) {
      throw new ArgumentError(`[${name}] padding: got ${describeSizes(padding)}, expected a whole number, or one each: [${['left', 'right', 'top', 'bottom', 'front', 'back'].slice(0, 2 * rank).join(', ')}].`, { op: name });
    }
    checkNumber(name, 'value', value);
    this.name = name;
    this.rank = rank;
    this.padding = padding;
    this.mode = mode;
    this.value = value;
    this.#pads = pads as number[];
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Padded<S, PadsOf<R, P>>, D> {
    const { name, rank } = this;
    if (x.shape.length !== rank + 1 && x.shape.length !== rank + 2) throw new ShapeError(`[${name}] the shape does not fit: got x ${showShape(x.shape)}, expected [N,C,..] or [C,..] of ${rank} spatial axes. Put what is missing in front: x.unsqueeze(0).`, { op: name, shapes: [x.shape] });
    return recordPad(name, x as Tensor, this.#pads, this.mode, this.value) as unknown as Tensor<Padded<S, PadsOf<R, P>>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const sizes = shape.slice(1).map((n, axis) => n + this.#pads[2 * (this.rank - 1 - axis)]! + this.#pads[2 * (this.rank - 1 - axis) + 1]!);
    return noExamples(this.toString(), this.rank, shape) ?? (sizes.every((n) => n >= 1) ? [shape[0]!, ...sizes] : undefined);
  }

  override get call$(): LayerCall {
    return { name: this.name, args: this.name.startsWith('constant') ? [this.padding, this.value] : [this.padding] };
  }
}

/** Puts `value` around sequences [N, C, L]. See constantPad2d(). As torch.nn.ConstantPad1d. */
export function constantPad1d<const P extends Padding<1>>(padding: P, value: number): Pad<1, P> {
  return new Pad('constantPad1d', 1, padding, 'constant', value);
}

/**
 * Puts `value` around images [N, C, H, W] or [C, H, W]: padding is a number or [left, right, top, bottom]; negative ones leave elements away. See ops.pad. As torch.nn.ConstantPad2d.
 * Throws ArgumentError for a padding that is none, ShapeError where nothing would be left.
 *
 *     const model = nn.sequential([1, 28, 28], nn.constantPad2d([1, 1, 2, 2], -1), nn.conv2d(1, 8, 3));   // [8, 30, 28]
 */
export function constantPad2d<const P extends Padding<2>>(padding: P, value: number): Pad<2, P> {
  return new Pad('constantPad2d', 2, padding, 'constant', value);
}

/** Puts `value` around volumes [N, C, D, H, W]. See constantPad2d(). As torch.nn.ConstantPad3d. */
export function constantPad3d<const P extends Padding<3>>(padding: P, value: number): Pad<3, P> {
  return new Pad('constantPad3d', 3, padding, 'constant', value);
}

/** Puts zeros around sequences [N, C, L]. See zeroPad2d(). As torch.nn.ZeroPad1d. */
export function zeroPad1d<const P extends Padding<1>>(padding: P): Pad<1, P> {
  return new Pad('zeroPad1d', 1, padding, 'constant');
}

/** Puts zeros around images [N, C, H, W]. See constantPad2d(). As torch.nn.ZeroPad2d. */
export function zeroPad2d<const P extends Padding<2>>(padding: P): Pad<2, P> {
  return new Pad('zeroPad2d', 2, padding, 'constant');
}

/** Puts zeros around volumes [N, C, D, H, W]. See zeroPad2d(). As torch.nn.ZeroPad3d. */
export function zeroPad3d<const P extends Padding<3>>(padding: P): Pad<3, P> {
  return new Pad('zeroPad3d', 3, padding, 'constant');
}

/** Mirrors sequences [N, C, L]. See reflectionPad2d(). As torch.nn.ReflectionPad1d. */
export function reflectionPad1d<const P extends Padding<1>>(padding: P): Pad<1, P> {
  return new Pad('reflectionPad1d', 1, padding, 'reflect');
}

/**
 * Mirrors images [N, C, H, W] float32 at their last elements: of abcd, 2 are cb in front. padding is a number or [left, right, top, bottom], less than the size. See ops.pad.
 * As torch.nn.ReflectionPad2d. Throws ArgumentError for a padding that is none, ShapeError for one that is too large.
 *
 *     const blur = nn.sequential([3, 32, 32], nn.reflectionPad2d(1), nn.conv2d(3, 3, 3));   // [3, 32, 32]
 */
export function reflectionPad2d<const P extends Padding<2>>(padding: P): Pad<2, P> {
  return new Pad('reflectionPad2d', 2, padding, 'reflect');
}

/** Mirrors volumes [N, C, D, H, W]. See reflectionPad2d(). As torch.nn.ReflectionPad3d. */
export function reflectionPad3d<const P extends Padding<3>>(padding: P): Pad<3, P> {
  return new Pad('reflectionPad3d', 3, padding, 'reflect');
}

/** Repeats the last elements of sequences [N, C, L]. See replicationPad2d(). As torch.nn.ReplicationPad1d. */
export function replicationPad1d<const P extends Padding<1>>(padding: P): Pad<1, P> {
  return new Pad('replicationPad1d', 1, padding, 'replicate');
}

/** Repeats the last elements of images [N, C, H, W] float32 around them. See ops.pad, and reflectionPad2d() for its arguments. As torch.nn.ReplicationPad2d. */
export function replicationPad2d<const P extends Padding<2>>(padding: P): Pad<2, P> {
  return new Pad('replicationPad2d', 2, padding, 'replicate');
}

/** Repeats the last elements of volumes [N, C, D, H, W]. See replicationPad2d(). As torch.nn.ReplicationPad3d. */
export function replicationPad3d<const P extends Padding<3>>(padding: P): Pad<3, P> {
  return new Pad('replicationPad3d', 3, padding, 'replicate');
}

/** Goes on at the other end of sequences [N, C, L]. See circularPad2d(). As torch.nn.CircularPad1d. */
export function circularPad1d<const P extends Padding<1>>(padding: P): Pad<1, P> {
  return new Pad('circularPad1d', 1, padding, 'circular');
}

/** Goes on at the other end of images [N, C, H, W] float32, at most once around. See ops.pad, and reflectionPad2d() for its arguments. As torch.nn.CircularPad2d. */
export function circularPad2d<const P extends Padding<2>>(padding: P): Pad<2, P> {
  return new Pad('circularPad2d', 2, padding, 'circular');
}

/** Goes on at the other end of volumes [N, C, D, H, W]. See circularPad2d(). As torch.nn.CircularPad3d. */
export function circularPad3d<const P extends Padding<3>>(padding: P): Pad<3, P> {
  return new Pad('circularPad3d', 3, padding, 'circular');
}
