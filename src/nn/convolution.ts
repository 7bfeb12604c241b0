import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { convAttrs, convTransposeAttrs, placesOf, recordConv, recordTransposed, transposedSizes, type ConvAttrs, type ConvOptions, type ConvTransposeOptions } from '../ops/convolution.js';
import { recordPad } from '../ops/pad.js';
import { perAxis } from '../ops/windows.js';
import { checkChoice } from '../options.js';
import { Parameter } from '../parameter.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import type { Divides, PerAxis, ShowPerAxis, SpatialRank, WindowsOf } from '../window-types.js';
import { noExamples, type NoExamples } from './examples.js';
import { fanInUniform } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Batched, Example, Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const;

export interface ConvLayerOptions<R extends SpatialRank = SpatialRank> extends ConvOptions<R> {
  /** Elements around the images: zeros, or elements of theirs as in ops.pad. Default 'zeros'. */
  readonly paddingMode?: (typeof PADDING_MODES)[number] | undefined;
  /** True: b is added. Default true. */
  readonly bias?: boolean | undefined;
}

export interface ConvTransposeLayerOptions<R extends SpatialRank = SpatialRank> extends ConvTransposeOptions<R> {
  /** True: b is added. Default true. */
  readonly bias?: boolean | undefined;
}

/** conv(I, O, K): channels I become O, and images as large as there are places for the kernel. */
export interface ConvolvedExample<R extends SpatialRank, I extends number, O extends number, K, Options> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? ConvolvedShape<this['in'], R, I, O, K, Options, `conv${R}d(${I}, ${O}, ${ShowPerAxis<K>})`> : Shape;
}

type ConvolvedShape<S extends Shape, R extends SpatialRank, I extends number, O extends number, K, Options, Layer extends string> = number extends S['length']
  ? Shape
  : S extends readonly [infer C extends number, ...infer Spatial extends number[]]
    ? Spatial['length'] extends R
      ? Differ<C, I> extends true
        ? Mismatch<`${Layer} expects ${I} channels`, C>
        : WindowsOf<Spatial, K, Options, 1> extends infer Made
          ? [Made] extends [never]
            ? Mismatch<`${Layer} expects images that are not smaller than its kernel`, Show<S>>
            : [O, ...(Made extends Shape ? Made : number[])]
          : Shape
      : NoExamples<Layer, R, S>
    : NoExamples<Layer, R, S>;

/** `unknown` where groups divide both numbers of channels, else the reason why not. */
export type GroupsFit<R extends SpatialRank, I extends number, O extends number, Options> = Options extends { readonly groups: infer G extends number }
  ? Divides<I, G> extends false
    ? `[conv${R}d] ${I} input channels do not divide into ${G} groups`
    : Divides<O, G> extends false
      ? `[conv${R}d] ${O} output channels do not divide into ${G} groups`
      : unknown
  : unknown;

/** Numbers of channels and groups of a layer, checked. */
function checkChannels(op: string, inChannels: number, outChannels: number, groups: number): void {
  for (const [name, value] of Object.entries({ inChannels, outChannels })) {
    if (!(Number.isInteger(value) && value >= 1)) throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a whole number of at least 1. Give the sizes as in ${op}(3, 16, 3).`, { op });
    if (value % groups !== 0) throw new ArgumentError(`[${op}] groups: got ${groups} for ${value} ${name === 'inChannels' ? 'input' : 'output'} channels, expected a number that divides them.`, { op });
  }
}

/** The mismatch of a layer for that many channels and examples of another rank, or of other channels. */
function mismatch(layer: string, rank: SpatialRank, channels: number, example: Shape): ShapeMismatch | undefined {
  return noExamples(layer, rank, example) ?? (example[0] === channels ? undefined : new ShapeMismatch(`${layer} expects ${channels} channels`, example[0]!));
}

/** See conv1d(), conv2d() and conv3d(). */
export class Conv<R extends SpatialRank = SpatialRank, I extends number = number, O extends number = number, K extends PerAxis<R> = PerAxis<R>, Options = unknown> extends Layer<
  Shape,
  Shape,
  ConvolvedExample<R, I, O, K, Options>
> {
  /** [out, in / groups, ..kernel]. */
  readonly weight: Parameter<Shape>;
  /** [out]; undefined without. */
  readonly bias: Parameter<[O]> | undefined;
  readonly rank: R;
  readonly paddingMode: (typeof PADDING_MODES)[number];
  readonly #attrs: ConvAttrs;
  readonly #options: ConvLayerOptions<R>;

  constructor(rank: R, inChannels: I, outChannels: O, kernelSize: K, options: ConvLayerOptions<R> = {}) {
    super();
    const op = `conv${rank}d`;
    const kernel = perAxis(op, 'kernelSize', kernelSize, rank, 1);
    const { bias = true, paddingMode = 'zeros', ...geometry } = options;
    checkChoice(op, 'paddingMode', paddingMode, PADDING_MODES);
    this.rank = rank;
    this.paddingMode = paddingMode;
    this.#attrs = convAttrs(op, kernel, geometry, bias);
    checkChannels(op, inChannels, outChannels, this.#attrs.groups);
    this.#options = { ...options };
    const own = inChannels / this.#attrs.groups;
    const fanIn = own * sizeOf(kernel);
    this.weight = new Parameter([outChannels, own, ...kernel], fanInUniform('weight', fanIn));
    this.bias = bias ? new Parameter([outChannels], fanInUniform('bias', fanIn)) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<OutputOf<S, ConvolvedExample<R, I, O, K, Options>>, D> {
    const { rank, paddingMode } = this;
    const { padding, after } = this.#attrs;
    const [weight, bias] = [this.weight as Tensor, this.bias as Tensor | undefined];
    if (paddingMode === 'zeros') return recordConv(rank, x as Tensor, weight, bias, this.#attrs) as never;
    const pads = padding.map((n, axis) => [n, after[axis]!]).toReversed().flat();
    const padded = recordPad(`conv${rank}d`, x as Tensor, pads, paddingMode, 0);
    const none = padding.map(() => 0);
    return recordConv(rank, padded, weight, bias, { ...this.#attrs, padding: none, after: none }) as never;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const { weight } = this;
    const [out, own] = weight.shape as readonly [number, number];
    const wrong = mismatch(this.toString(), this.rank, own * this.#attrs.groups, shape);
    if (wrong !== undefined) return wrong;
    const places = placesOf(shape.slice(1), weight.shape.slice(2), this.#attrs);
    return places === undefined ? new ShapeMismatch(`${this.toString()} expects images that are not smaller than its kernel`, showShape(shape), 'Take a smaller kernel, or padding.') : [out, ...places];
  }

  override get call$(): LayerCall {
    const [out, own, ...kernel] = this.weight.shape as readonly [number, number, ...number[]];
    return { name: `conv${this.rank}d`, args: [own * this.#attrs.groups, out, kernelArgument(kernel)], options: this.#options };
  }
}

/** The shape of a batch S after a layer of that rule. */
type OutputOf<S extends Shape, F extends ShapeFunction> = (F & { readonly in: Example<S> })['out'] extends infer Out ? (Out extends Shape ? Batched<S, Out> : Shape) : Shape;

/** A kernel as calls have it: one number where all sizes are equal. */
function kernelArgument(kernel: Shape): number | Shape {
  return kernel.every((k) => k === kernel[0]) ? kernel[0]! : kernel;
}

/** convTranspose(I, O): channels I become O; sizes are known at the call. */
export interface TransposedExample<R extends SpatialRank, I extends number, O extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [infer C extends number, ...infer Spatial extends number[]]
        ? Spatial['length'] extends R
          ? Differ<C, I> extends true
            ? Mismatch<`convTranspose${R}d(${I}, ${O}) expects ${I} channels`, C>
            : [O, ...{ -readonly [A in keyof Spatial]: number }]
          : NoExamples<`convTranspose${R}d(${I}, ${O})`, R, this['in']>
        : Shape
    : Shape;
}

/** See convTranspose1d() and convTranspose2d(). */
export class ConvTranspose<R extends 1 | 2 = 1 | 2, I extends number = number, O extends number = number> extends Layer<Shape, Shape, TransposedExample<R, I, O>> {
  /** [in, out / groups, ..kernel]. */
  readonly weight: Parameter<Shape>;
  /** [out]; undefined without. */
  readonly bias: Parameter<[O]> | undefined;
  readonly rank: R;
  readonly outChannels: O;
  readonly #attrs: ConvAttrs;
  readonly #outputPadding: readonly number[];
  readonly #options: ConvTransposeLayerOptions<R>;

  constructor(rank: R, inChannels: I, outChannels: O, kernelSize: PerAxis<R>, options: ConvTransposeLayerOptions<R> = {}) {
    super();
    const op = `convTranspose${rank}d`;
    const kernel = perAxis(op, 'kernelSize', kernelSize, rank, 1);
    const { bias = true, ...geometry } = options;
    const { attrs, outputPadding } = convTransposeAttrs(op, kernel, geometry);
    checkChannels(op, inChannels, outChannels, attrs.groups);
    this.rank = rank;
    this.outChannels = outChannels;
    this.#attrs = attrs;
    this.#outputPadding = outputPadding;
    this.#options = { ...options };
    const own = outChannels / attrs.groups;
    // As torch's, which takes the second dimension for the inputs.
    const fanIn = own * sizeOf(kernel);
    this.weight = new Parameter([inChannels, own, ...kernel], fanInUniform('weight', fanIn));
    this.bias = bias ? new Parameter([outChannels], fanInUniform('bias', fanIn)) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<OutputOf<S, TransposedExample<R, I, O>>, D> {
    return recordTransposed(this.rank, x as Tensor, this.weight as Tensor, this.bias as Tensor | undefined, this.#attrs, this.#outputPadding) as never;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const wrong = mismatch(this.toString(), this.rank, this.weight.shape[0]!, shape);
    if (wrong !== undefined) return wrong;
    const sizes = transposedSizes(shape.slice(1), this.weight.shape.slice(2), this.#attrs, this.#outputPadding);
    return sizes.every((n) => n >= 1) ? [this.outChannels, ...sizes] : undefined;
  }

  override get call$(): LayerCall {
    return { name: `convTranspose${this.rank}d`, args: [this.weight.shape[0]!, this.outChannels, kernelArgument(this.weight.shape.slice(2))], options: this.#options };
  }
}

/** Convolution of sequences [N, C, L]. See conv2d(). As torch.nn.Conv1d. */
export function conv1d<const I extends number, const O extends number, const K extends PerAxis<1>, const Options extends ConvLayerOptions<1> = {}>(
  inChannels: I,
  outChannels: O,
  kernelSize: K,
  options?: Options & GroupsFit<1, I, O, Options>,
): Conv<1, I, O, K, Options> {
  return new Conv(1, inChannels, outChannels, kernelSize, options as ConvLayerOptions<1> | undefined);
}

/**
 * Convolution of images: x [N, in, H, W] float32 gives [N, out, H', W']; see ops.conv2d for the formula, sizes and options. weight [out, in / groups, kh, kw] and bias [out]
 * start evenly drawn from [-b, b), b = 1 / sqrt(in / groups kh kw). As torch.nn.Conv2d. A kernel that is larger than the padded images, other channels and groups that do not
 * divide them are compile errors where sizes are literal. Throws ArgumentError for sizes and options that are wrong, ShapeError for images that do not fit.
 *
 *     const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3, { padding: 1 }), nn.relu(), nn.flatten(), nn.linear(16384, 10));
 */
export function conv2d<const I extends number, const O extends number, const K extends PerAxis<2>, const Options extends ConvLayerOptions<2> = {}>(
  inChannels: I,
  outChannels: O,
  kernelSize: K,
  options?: Options & GroupsFit<2, I, O, Options>,
): Conv<2, I, O, K, Options> {
  return new Conv(2, inChannels, outChannels, kernelSize, options as ConvLayerOptions<2> | undefined);
}

/** Convolution of volumes [N, C, D, H, W]. See conv2d(). As torch.nn.Conv3d. */
export function conv3d<const I extends number, const O extends number, const K extends PerAxis<3>, const Options extends ConvLayerOptions<3> = {}>(
  inChannels: I,
  outChannels: O,
  kernelSize: K,
  options?: Options & GroupsFit<3, I, O, Options>,
): Conv<3, I, O, K, Options> {
  return new Conv(3, inChannels, outChannels, kernelSize, options as ConvLayerOptions<3> | undefined);
}

/** Transposed convolution of sequences [N, C, L]. See convTranspose2d(). As torch.nn.ConvTranspose1d. */
export function convTranspose1d<const I extends number, const O extends number>(inChannels: I, outChannels: O, kernelSize: PerAxis<1>, options?: ConvTransposeLayerOptions<1>): ConvTranspose<1, I, O> {
  return new ConvTranspose(1, inChannels, outChannels, kernelSize, options);
}

/**
 * Transposed convolution of images: x [N, in, H, W] float32 gives [N, out, H', W']; see ops.convTranspose2d. weight [in, out / groups, kh, kw]. As torch.nn.ConvTranspose2d.
 *
 *     const larger = nn.convTranspose2d(16, 8, 4, { stride: 2, padding: 1 });   // [N, 16, 7, 7] to [N, 8, 14, 14]
 */
export function convTranspose2d<const I extends number, const O extends number>(inChannels: I, outChannels: O, kernelSize: PerAxis<2>, options?: ConvTransposeLayerOptions<2>): ConvTranspose<2, I, O> {
  return new ConvTranspose(2, inChannels, outChannels, kernelSize, options);
}
