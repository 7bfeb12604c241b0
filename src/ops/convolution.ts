import type { DType } from '../dtype.js';
import { describeValue } from '../describe-value.js';
import { ArgumentError, LimitError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import type { PerAxis, SpatialRank, WindowsOf } from '../window-types.js';
import { checkSameDType, checkTensor, FLOAT } from './check.js';
import { codes } from './codes.js';
import { convolutionCost } from './costs.js';
import type { Emitter, Value } from './emitter.js';
import { example } from './examples.js';
import { channelsBehind, channelsLast, reshaped } from './layout.js';
import type { Epilogue, KernelRecord, Tolerance } from './record.js';
import { sum } from './reductions.js';
import { asBatch, checkImages, perAxis, three } from './windows.js';

/** Geometry of a convolution, an entry for each spatial axis: where windows lie, and what is around the images. */
export type ConvAttrs = {
  readonly stride: readonly number[];
  /** Zeros in front of the first element. */
  readonly padding: readonly number[];
  /** Zeros behind the last. */
  readonly after: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  /** A bias is its third operand. */
  readonly bias: boolean;
};
/** `size`: what the other direction leaves open, the spatial sizes of the images or of the kernel. */
type SizedAttrs = ConvAttrs & { readonly size: readonly number[] };

/** A chain of FMAs against a sum in double, of up to some hundred products of size about 1. */
const PRODUCTS: Tolerance = { absolute: 8e-6, relative: 1e-6 };

/** Numbers of places of a kernel along each axis; undefined where it does not fit. */
export function placesOf(sizes: readonly number[], kernel: readonly number[], attrs: ConvAttrs): readonly number[] | undefined {
  const places = sizes.map((n, axis) => placesAlong(n, kernel[axis]!, attrs, axis));
  return places.every((count, axis) => count >= 1 && sizes[axis]! > 0 && kernel[axis]! > 0) ? places : undefined;
}

function placesAlong(n: number, k: number, { stride, padding, after, dilation }: ConvAttrs, axis: number): number {
  return Math.floor((n + padding[axis]! + after[axis]! - dilation[axis]! * (k - 1) - 1) / stride[axis]!) + 1;
}

/** Steps behind a bias. */
const AFTER_BIAS = ['scale', 'shift', 'residual'] as const;

/** The records of one spatial rank: the convolution, its transpose, which is the gradient of its input, and the gradient of its weight. */
function convolution<R extends SpatialRank>(rank: R) {
  const name = `conv${rank}d`;
  const spatial = (shape: Shape): Shape => shape.slice(2);
  const ofBias = (dy: Tensor): Tensor => sum(dy, { axis: [0, ...Array.from({ length: rank }, (_, i) => i + 2)] });

  const conv: KernelRecord<ConvAttrs> = {
    name,
    kind: 'contraction',
    infer: (inputs, attrs) => {
      const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor?];
      checkSameDType(name, inputs, FLOAT);
      checkRanks(name, rank, x.shape, weight.shape, 'weight [O,C,..]');
      const { groups } = attrs;
      const [, C] = x.shape as [number, number];
      const [O, own] = weight.shape as [number, number];
      const shapes = [x.shape, weight.shape];
      if (C !== own * groups) throw new ShapeError(`[${name}] the channels differ: got x ${showShape(x.shape)}, weight ${showShape(weight.shape)}${inGroups(groups)}, expected ${own * groups} channels of x.`, { op: name, shapes });
      if (O % groups !== 0) throw new ShapeError(`[${name}] ${O} output channels do not divide into ${groups} groups: got weight ${showShape(weight.shape)}.`, { op: name, shapes });
      checkBias(name, bias, O);
      const out = placesOf(spatial(x.shape), spatial(weight.shape), attrs);
      if (out === undefined) throw kernelTooLarge(name, x.shape, weight.shape, attrs);
      checkWindowLimits(name, attrs, spatial(weight.shape), out, shapes);
      checkStrides(name, attrs, shapes);
      return { shape: [x.shape[0]!, O, ...out], dtype: 'float32' };
    },
    order: channelsLast,
    flops: ([, weight, bias], { shape }) => sizeOf(shape) * (2 * sizeOf(weight!.shape.slice(1)) + (bias === undefined ? 0 : 1)),
    epilogue: ({ bias }) => ({ axis: -1 - rank, steps: bias ? AFTER_BIAS : ['bias', ...AFTER_BIAS] }),
    emit: (e, attrs, epilogue) => emitForward(e, 'conv', attrs, epilogue),
    gradient: ([dy], { inputs: [x, weight, bias] }, attrs) => {
      const dx = record(transposed, [dy, weight!], { ...attrs, bias: false, size: spatial(x!.shape) });
      const dweight = record(weightGrad, [x!, dy], { ...attrs, bias: false, size: spatial(weight!.shape) });
      return bias === undefined ? [dx, dweight] : [dx, dweight, ofBias(dy)];
    },
    saves: { inputs: [0, 1] },
    tolerance: PRODUCTS,
    examples: () => convExamples(rank).map(({ x, weight, bias, attrs }) => example([{ shape: x }, { shape: weight }, ...(bias ? [{ shape: [weight[0]!] }] : [])], attrs)),
  };

  const transposed: KernelRecord<SizedAttrs> = {
    name: `convTranspose${rank}d`,
    kind: 'contraction',
    infer: (inputs, attrs) => {
      const { groups, size } = attrs;
      const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor?];
      const op = `convTranspose${rank}d`;
      checkSameDType(op, inputs, FLOAT);
      checkRanks(op, rank, x.shape, weight.shape, 'weight [C,O,..]');
      const [C, own] = weight.shape as [number, number];
      const shapes = [x.shape, weight.shape];
      if (x.shape[1] !== C) throw new ShapeError(`[${op}] the channels differ: got x ${showShape(x.shape)}, weight ${showShape(weight.shape)}, expected ${C} channels of x.`, { op, shapes });
      if (C % groups !== 0) throw new ShapeError(`[${op}] ${C} channels do not divide into ${groups} groups: got weight ${showShape(weight.shape)}.`, { op, shapes });
      checkBias(op, bias, own * groups);
      checkWindowLimits(op, attrs, spatial(weight.shape), spatial(x.shape), shapes);
      checkStrides(op, attrs, shapes);
      return { shape: [x.shape[0]!, own * groups, ...size], dtype: 'float32' };
    },
    order: channelsLast,
    flops: ([x, weight, bias], { shape }) => 2 * sizeOf(x!.shape) * sizeOf(weight!.shape.slice(1)) + (bias === undefined ? 0 : sizeOf(shape)),
    epilogue: ({ bias }) => ({ axis: -1 - rank, steps: bias ? AFTER_BIAS : ['bias', ...AFTER_BIAS] }),
    emit: (e, attrs, epilogue) => emitForward(e, 'conv_transpose', attrs, epilogue),
    gradient: ([dy], { inputs: [x, weight, bias] }, attrs) => {
      const dx = record(conv, [dy, weight!], withoutSize(attrs));
      const dweight = record(weightGrad, [dy, x!], { ...attrs, bias: false, size: spatial(weight!.shape) });
      return bias === undefined ? [dx, dweight] : [dx, dweight, ofBias(dy)];
    },
    saves: { inputs: [0, 1] },
    tolerance: PRODUCTS,
    examples: () => convExamples(rank).map(({ x, weight, bias, attrs, out }) =>
      example([{ shape: [x[0]!, weight[0]!, ...out] }, { shape: weight }, ...(bias ? [{ shape: [x[1]!] }] : [])], { ...attrs, size: spatial(x) })),
  };

  const weightGrad: KernelRecord<SizedAttrs> = {
    name: `conv${rank}dWeightGrad`,
    calledBy: name,
    kind: 'kernel',
    infer: ([x, dy], { groups, size }) => ({ shape: [dy!.shape[1]!, x!.shape[1]! / groups, ...size], dtype: 'float32' }),
    flops: ([, dy], { shape }) => 2 * sizeOf(dy!.shape) * sizeOf(shape.slice(1)),
    emit: (e, attrs) => {
      const [x, dy] = [images(e, 0), images(e, 1)];
      const out = e.output(0)!;
      const { shape } = out.layout;
      e.instruction('conv_weight_grad', [reshaped(out, five(shape))], [x, dy], geometry(attrs), costOf(e.shape(1), shape, e.shape(0)));
    },
    gradient: ([ddw], { inputs: [x, dy] }, attrs) => [record(transposed, [dy!, ddw], { ...attrs, size: spatial(x!.shape) }), record(conv, [x!, ddw], withoutSize(attrs))],
    saves: { inputs: [0, 1] },
    tolerance: { absolute: 2e-5, relative: 1e-6 },
    examples: () => convExamples(rank).map(({ x, weight, attrs, out }) => example([{ shape: x }, { shape: [x[0]!, weight[0]!, ...out] }], { ...attrs, bias: false, size: spatial(weight) })),
  };

  return { conv, transposed, weightGrad };
}

/** The attributes of the convolution that belongs to the other direction, or to a weight's gradient. */
function withoutSize({ stride, padding, after, dilation, groups }: SizedAttrs): ConvAttrs {
  return { stride, padding, after, dilation, groups, bias: false };
}

/** A shape [N, C, ..] with ones in front of its spatial sizes, so that there are three. */
function five(shape: Shape): Shape {
  return [...shape.slice(0, 2), ...three(shape.slice(2), 1)];
}

/** The i-th input, images [N, C, ..], as [N, D, H, W, C]. */
function images(e: Emitter, i: number): Value {
  return channelsBehind(e.input(i, undefined, channelsLast(e.shape(i))));
}

/** Attributes that all rows of the family have. */
function geometry({ groups, stride, padding, dilation }: ConvAttrs): number[] {
  return [groups, ...three(stride, 1), ...three(padding, 0), ...three(dilation, 1)];
}

function emitForward(e: Emitter, row: 'conv' | 'conv_transpose', attrs: ConvAttrs, epilogue: Epilogue | undefined): void {
  const weight = reshaped(e.input(1), five(e.shape(1)));
  const { bias = e.inputs > 2 ? e.input(2) : undefined, scale, shift, residual, activation = codes.activations.none, mask } = epilogue ?? {};
  const out = e.output(0)!;
  const inputs = [images(e, 0), weight, bias, mask && channelsBehind(mask), scale, shift, residual && channelsBehind(residual)];
  const given = inputs.findLastIndex((input) => input !== undefined) + 1;
  e.instruction(row, [channelsBehind(out)], inputs.slice(0, given), [activation, mask === undefined ? 0 : codes.gemm_flags.mask, ...geometry(attrs)], row === 'conv' ? costOf(out.layout.shape, e.shape(1), e.shape(0)) : costOf(e.shape(0), e.shape(1), out.layout.shape));
}

/** Cost of a convolution or one of its gradients, by the images on the side that a kernel does not spread over, the weight and the images on the other side. */
function costOf(places: Shape, weight: Shape, images: Shape): number {
  return convolutionCost(sizeOf(places) / Math.max(places[1]!, 1), sizeOf(weight), sizeOf(places) + sizeOf(images));
}

function inGroups(groups: number): string {
  return groups === 1 ? '' : ` in ${groups} groups`;
}

function checkRanks(op: string, rank: number, x: Shape, weight: Shape, ofWeight: string): void {
  const shapes = [x, weight];
  checkImages(op, rank, x, shapes);
  if (weight.length !== rank + 2) throw new ShapeError(`[${op}] the weight does not fit: got ${showShape(weight)}, expected ${rank + 2} dimensions, ${ofWeight}. Reshape it.`, { op, shapes });
}

function checkBias(op: string, bias: Tensor | undefined, channels: number): void {
  if (bias === undefined || (bias.shape.length === 1 && bias.shape[0] === channels)) return;
  throw new ShapeError(`[${op}] bias does not fit: got ${showShape(bias.shape)}, expected [${channels}]. Reshape it.`, { op, shapes: [bias.shape] });
}

function kernelTooLarge(op: string, x: Shape, weight: Shape, { padding, after, dilation }: ConvAttrs): ShapeError {
  const [kernel, images] = [weight.slice(2), x.slice(2)];
  const padded = images.map((n, axis) => n + padding[axis]! + after[axis]!);
  const spread = dilation.some((d) => d > 1) ? ` with dilation ${showShape(dilation)}` : '';
  return new ShapeError(`[${op}] the kernel ${showShape(kernel)}${spread} does not fit into the padded images ${showShape(padded)}: got x ${showShape(x)}. Take a smaller kernel, or padding.`, { op, shapes: [x, weight] });
}

/** Throws LimitError where a number along an axis is beyond what the kernel counts with. */
function checkWindowLimits(op: string, { stride, padding: before, after, dilation }: ConvAttrs, kernel: Shape, windows: Shape, shapes: readonly Shape[]): void {
  const limit = codes.limits.window;
  const padding = before.map((n, axis) => Math.max(n, after[axis]!));
  for (const [what, sizes] of Object.entries({ stride, padding, dilation, kernel, windows })) {
    if (sizes.every((size) => size <= limit)) continue;
    throw new LimitError(`[${op}] too large along an axis: got ${what} ${showShape(sizes)}, expected at most ${limit} (2^30). Cut the images, or check the options.`, { op, shapes });
  }
}

/** Product of strides up to which a convolution can be turned around, as its gradient does. */
const MAX_STRIDES = 2 ** 20;

function checkStrides(op: string, { stride }: ConvAttrs, shapes: readonly Shape[]): void {
  if (stride.reduce((product, size) => product * size, 1) <= MAX_STRIDES) return;
  throw new LimitError(`[${op}] strides are too large: got ${showShape(stride)}, expected a product of at most ${MAX_STRIDES} (2^20). Cut the images into parts.`, { op, shapes });
}

interface ConvExample {
  readonly x: Shape;
  readonly weight: Shape;
  readonly bias: boolean;
  readonly attrs: ConvAttrs;
  readonly out: Shape;
}

/** Odd sizes: one pixel, a kernel as large as the padded image, a stride larger than the kernel, groups, depthwise, batches of 0, 1 and 7. */
function convExamples(rank: SpatialRank): ConvExample[] {
  const cases: [batch: number, C: number, size: number, O: number, k: number, options: { s?: number; p?: number; a?: number; d?: number; g?: number; bias?: true }][] = [
    [1, 1, 1, 1, 1, {}],
    [2, 3, 6, 5, 3, { p: 1, bias: true }],
    [1, 17, 5, 3, 3, { s: 2, p: 1 }],
    [7, 1, 4, 17, 2, { s: 3, bias: true }],
    [1, 2, 1, 4, 3, { p: 1 }],
    [1, 4, 7, 6, 3, { d: 2, p: 2, g: 2 }],
    [2, 6, 5, 6, 3, { p: 1, g: 6, bias: true }],
    [1, 3, 5, 6, 2, { g: 3, s: 2, p: 1, a: 0 }],
    [0, 2, 4, 3, 3, { p: 1 }],
    [2, 16, 3, 33, 1, {}],
  ];
  const small = rank === 3 ? cases.filter(([, C, size]) => C * size <= 40) : cases;
  return small.map(([batch, C, size, O, k, { s = 1, p = 0, a = p, d = 1, g = 1, bias }]) => {
    // Sizes that differ, so that axes mixed up show.
    const sizes = Array.from({ length: rank }, (_, axis) => size + (rank - 1 - axis));
    const each = (value: number): number[] => Array.from({ length: rank }, () => value);
    const attrs: ConvAttrs = { stride: each(s), padding: each(p), after: each(a), dilation: each(d), groups: g, bias: bias === true };
    return { x: [batch, C, ...sizes], weight: [O, C / g, ...each(k)], bias: bias === true, attrs, out: [batch, O, ...sizes.map((n, axis) => placesAlong(n, k, attrs, axis))].slice(2) };
  });
}

const ofRank = { 1: convolution(1), 2: convolution(2), 3: convolution(3) };

export interface ConvOptions<R extends SpatialRank = SpatialRank> {
  /** Distance of windows. Default 1. */
  readonly stride?: PerAxis<R> | undefined;
  /** Zeros on either side; 'same': as many as leave the size as it is, 'valid': none. Default 0. */
  readonly padding?: PerAxis<R> | 'same' | 'valid' | undefined;
  /** Distance of the elements of a kernel. Default 1. */
  readonly dilation?: PerAxis<R> | undefined;
  /** Parts of the channels that are convolved each by itself. Default 1. */
  readonly groups?: number | undefined;
}

export interface ConvTransposeOptions<R extends SpatialRank = SpatialRank> {
  /** Distance of windows in the result. Default 1. */
  readonly stride?: PerAxis<R> | undefined;
  /** Elements that are left away on either side. Default 0. */
  readonly padding?: PerAxis<R> | undefined;
  /** Elements more at the end, fewer than the stride or the dilation: which of the sizes that the convolution would make the same. Default 0. */
  readonly outputPadding?: PerAxis<R> | undefined;
  /** Distance of the elements of a kernel. Default 1. */
  readonly dilation?: PerAxis<R> | undefined;
  /** Parts of the channels that are convolved each by itself. Default 1. */
  readonly groups?: number | undefined;
}

/** Checks options of a convolution with kernels of these sizes. */
export function convAttrs(op: string, kernel: readonly number[], options: ConvOptions | undefined, bias: boolean): ConvAttrs {
  checkOptions(op, options, ['stride', 'padding', 'dilation', 'groups']);
  const { stride: s = 1, padding: p = 0, dilation: d = 1, groups = 1 } = options ?? {};
  const rank = kernel.length;
  const stride = perAxis(op, 'stride', s, rank, 1);
  const dilation = perAxis(op, 'dilation', d, rank, 1);
  if (!(Number.isInteger(groups) && groups >= 1)) throw new ArgumentError(`[${op}] groups: got ${describeValue(groups)}, expected a whole number of at least 1.`, { op });
  if (p === 'same') {
    if (stride.some((n) => n !== 1)) throw new ArgumentError(`[${op}] padding 'same' with a stride of ${showShape(stride)}: expected 1, as there are several ways to pad otherwise. Give numbers.`, { op });
    const whole = kernel.map((k, axis) => dilation[axis]! * (k - 1));
    return { stride, padding: whole.map((n) => Math.floor(n / 2)), after: whole.map((n) => n - Math.floor(n / 2)), dilation, groups, bias };
  }
  const padding = perAxis(op, 'padding', p === 'valid' ? 0 : p, rank, 0);
  return { stride, padding, after: padding, dilation, groups, bias };
}

/** The shape of images S, [N, C, ..] or [C, ..], after a convolution with the weight W [O, C / groups, ..]. */
export type Convolved<S extends Shape, W extends Shape, O> = number extends S['length']
  ? Shape
  : W extends readonly [infer Out extends number, number, ...infer Kernel extends number[]]
    ? ImagesOf<S, Kernel> extends [infer Batch extends number[], number, infer Spatial extends number[]]
      ? WindowsOf<Spatial, Kernel, O, 1> extends infer Made extends Shape
        ? [...Batch, Out, ...Made]
        : Shape
      : Shape
    : Shape;

/** Images as [batch, channels, sizes], the batch [] or [N]; never where they have another number of axes than the kernel. */
type ImagesOf<S extends Shape, Kernel extends readonly unknown[]> = S extends readonly [infer First extends number, infer Second extends number, ...infer Rest extends number[]]
  ? Rest['length'] extends Kernel['length']
    ? [[First], Second, Rest]
    : [Second, ...Rest]['length'] extends Kernel['length']
      ? [[], First, [Second, ...Rest]]
      : never
  : never;

/** `unknown` where the kernel fits into the padded images and the channels agree, else the reason why not. */
export type ConvFits<Op extends string, S extends Shape, W extends Shape, O> = W extends readonly [number, infer I extends number, ...infer Kernel extends number[]]
  ? ImagesOf<S, Kernel> extends [unknown, infer C extends number, infer Spatial extends number[]]
    ? O extends { readonly groups: number }
      ? unknown
      : Differ<C, I> extends true
        ? `[${Op}] weight takes ${I} channels, x has ${C}`
        : [WindowsOf<Spatial, Kernel, O, 1>] extends [never]
          ? `[${Op}] the kernel does not fit into the padded images`
          : unknown
    : unknown
  : unknown;

function convOf(rank: SpatialRank, x: Tensor, weight: Tensor, bias: Tensor | undefined, options: ConvOptions | undefined): Tensor {
  const op = `conv${rank}d`;
  checkTensor(op, x, 'x');
  checkTensor(op, weight, 'weight');
  return recordConv(rank, x, weight, bias, convAttrs(op, weight.shape.slice(2), options, bias !== undefined));
}

/** Records a convolution, whose attributes have been checked. */
export function recordConv(rank: SpatialRank, x: Tensor, weight: Tensor, bias: Tensor | undefined, attrs: ConvAttrs): Tensor {
  return asBatch(rank, x, (batch) => record(ofRank[rank].conv, bias === undefined ? [batch, weight] : [batch, weight, bias], attrs));
}

/** Convolution of sequences: x [N, C, L], weight [O, C / groups, k]. See conv2d(). As torch.nn.functional.conv1d. */
export function conv1d<S extends Shape, W extends Shape, D extends DType, const O extends ConvOptions<1> = {}>(
  x: Tensor<S, D>,
  weight: Tensor<W, D> & ConvFits<'conv1d', S, W, O>,
  bias?: Tensor<Shape, D>,
  options?: O,
): Tensor<Convolved<S, W, O>, D> {
  return convOf(1, x as Tensor, weight as Tensor, bias, options) as unknown as Tensor<Convolved<S, W, O>, D>;
}

/**
 * Convolution of images: y[n, o, i, j] = bias[o] + sum over c, u, v of weight[o, c, u, v] x[n, c, i stride - padding + u dilation, j stride - padding + v dilation].
 * x [N, C, H, W], weight [O, C / groups, kh, kw], bias [O], float32, give [N, O, H', W'] with H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1.
 * What is beyond an image is 0, and is multiplied: a weight that is not finite gives NaN there. x [C, H, W] gives [O, H', W']. As torch.nn.functional.conv2d.
 * Throws ArgumentError for options that are wrong, ShapeError where channels do not agree or the kernel does not fit into the padded images.
 *
 *     const photos = zeros([8, 3, 32, 32]);
 *     const y = conv2d(photos, zeros([16, 3, 3, 3]), zeros([16]), { padding: 1 });   // [8, 16, 32, 32]
 */
export function conv2d<S extends Shape, W extends Shape, D extends DType, const O extends ConvOptions<2> = {}>(
  x: Tensor<S, D>,
  weight: Tensor<W, D> & ConvFits<'conv2d', S, W, O>,
  bias?: Tensor<Shape, D>,
  options?: O,
): Tensor<Convolved<S, W, O>, D> {
  return convOf(2, x as Tensor, weight as Tensor, bias, options) as unknown as Tensor<Convolved<S, W, O>, D>;
}

/** Convolution of volumes: x [N, C, D, H, W], weight [O, C / groups, kd, kh, kw]. See conv2d(). As torch.nn.functional.conv3d. */
export function conv3d<S extends Shape, W extends Shape, D extends DType, const O extends ConvOptions<3> = {}>(
  x: Tensor<S, D>,
  weight: Tensor<W, D> & ConvFits<'conv3d', S, W, O>,
  bias?: Tensor<Shape, D>,
  options?: O,
): Tensor<Convolved<S, W, O>, D> {
  return convOf(3, x as Tensor, weight as Tensor, bias, options) as unknown as Tensor<Convolved<S, W, O>, D>;
}

/** Options of a transposed convolution with kernels of these sizes, checked; the sizes of its result come of those of x. */
export function convTransposeAttrs(op: string, kernel: readonly number[], options: ConvTransposeOptions | undefined): { readonly attrs: ConvAttrs; readonly outputPadding: readonly number[] } {
  checkOptions(op, options, ['stride', 'padding', 'outputPadding', 'dilation', 'groups']);
  const { outputPadding: more = 0, padding: p = 0, ...rest } = options ?? {};
  // Numbers only: 'same' and 'valid' say nothing here, nor do they in torch.
  const attrs = convAttrs(op, kernel, { ...rest, padding: perAxis(op, 'padding', p, kernel.length, 0) as PerAxis }, false);
  const outputPadding = perAxis(op, 'outputPadding', more, kernel.length, 0);
  if (outputPadding.some((n, axis) => n >= Math.max(attrs.stride[axis]!, attrs.dilation[axis]!))) {
    throw new ArgumentError(`[${op}] outputPadding: got ${showShape(outputPadding)}, expected less than the stride ${showShape(attrs.stride)} or the dilation ${showShape(attrs.dilation)}.`, { op });
  }
  return { attrs, outputPadding };
}

/** Sizes of what a transposed convolution makes of images of these sizes. */
export function transposedSizes(sizes: readonly number[], kernel: readonly number[], { stride, padding, dilation }: ConvAttrs, outputPadding: readonly number[]): readonly number[] {
  return sizes.map((n, axis) => (n - 1) * stride[axis]! - 2 * padding[axis]! + dilation[axis]! * (kernel[axis]! - 1) + outputPadding[axis]! + 1);
}

function convTransposeOf(rank: 1 | 2, x: Tensor, weight: Tensor, bias: Tensor | undefined, options: ConvTransposeOptions | undefined): Tensor {
  const op = `convTranspose${rank}d`;
  checkTensor(op, x, 'x');
  checkTensor(op, weight, 'weight');
  const { attrs, outputPadding } = convTransposeAttrs(op, weight.shape.slice(2), options);
  return recordTransposed(rank, x, weight, bias, attrs, outputPadding);
}

/** Records a transposed convolution, whose attributes have been checked. */
export function recordTransposed(rank: 1 | 2, x: Tensor, weight: Tensor, bias: Tensor | undefined, attrs: ConvAttrs, outputPadding: readonly number[]): Tensor {
  const op = `convTranspose${rank}d`;
  return asBatch(rank, x, (batch) => {
    const size = transposedSizes(batch.shape.slice(2), weight.shape.slice(2), attrs, outputPadding);
    if (size.some((n) => n < 1)) throw new ShapeError(`[${op}] nothing is left of the images: got x ${showShape(x.shape)}, padding ${showShape(attrs.padding)}, so ${showShape(size)}. Take less padding.`, { op, shapes: [x.shape, weight.shape] });
    // With this padding behind, the convolution comes back to the sizes of x.
    const after = attrs.padding.map((n, axis) => n - outputPadding[axis]!);
    return record(ofRank[rank].transposed, bias === undefined ? [batch, weight] : [batch, weight, bias], { ...attrs, after, size, bias: bias !== undefined });
  });
}

/** Transposed convolution of sequences: x [N, C, L], weight [C, O / groups, k]. See convTranspose2d(). As torch.nn.functional.conv_transpose1d. */
export function convTranspose1d<D extends DType>(x: Tensor<Shape, D>, weight: Tensor<Shape, D>, bias?: Tensor<Shape, D>, options?: ConvTransposeOptions<1>): Tensor<Shape, D> {
  return convTransposeOf(1, x as Tensor, weight as Tensor, bias, options) as Tensor<Shape, D>;
}

/**
 * Transposed convolution of images, the gradient of conv2d() by its input: each element of x puts the kernel, times itself, into the result. x [N, C, H, W], weight
 * [C, O / groups, kh, kw], bias [O], float32, give [N, O, H', W'] with H' = (H - 1) stride - 2 padding + dilation (kh - 1) + outputPadding + 1. As
 * torch.nn.functional.conv_transpose2d. Throws ArgumentError for options that are wrong, ShapeError where channels do not agree or nothing is left.
 *
 *     const y = convTranspose2d(zeros([8, 16, 7, 7]), zeros([16, 1, 4, 4]), undefined, { stride: 2, padding: 1 });   // [8, 1, 14, 14]
 */
export function convTranspose2d<D extends DType>(x: Tensor<Shape, D>, weight: Tensor<Shape, D>, bias?: Tensor<Shape, D>, options?: ConvTransposeOptions<2>): Tensor<Shape, D> {
  return convTransposeOf(2, x as Tensor, weight as Tensor, bias, options) as Tensor<Shape, D>;
}

export const convolutionOps = {
  conv1d: ofRank[1].conv,
  conv1dWeightGrad: ofRank[1].weightGrad,
  convTranspose1d: ofRank[1].transposed,
  conv2d: ofRank[2].conv,
  conv2dWeightGrad: ofRank[2].weightGrad,
  convTranspose2d: ofRank[2].transposed,
  conv3d: ofRank[3].conv,
  conv3dWeightGrad: ofRank[3].weightGrad,
  convTranspose3d: ofRank[3].transposed,
};
