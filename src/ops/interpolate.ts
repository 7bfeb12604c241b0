import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkChoice, checkFlags, checkOptions } from '../options.js';
import { showShape } from '../shape.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Interpolated, PerAxis, SpatialRank } from '../window-types.js';
import { checkTensor } from './check.js';
import { resampleOp, stepOfCorners, type ResampleMode } from './resample.js';
import { describeSizes, perAxis } from './windows.js';

/** Names of torch; but for the nearest ones, each is for one number of spatial axes. */
export type InterpolateMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear';

const MODES: Readonly<Record<InterpolateMode, { readonly rank?: SpatialRank; readonly along: ResampleMode; readonly corners?: ResampleMode; readonly antialias?: ResampleMode }>> = {
  nearest: { along: 'nearest' },
  'nearest-exact': { along: 'nearest_exact' },
  linear: { rank: 1, along: 'linear', corners: 'linear_corners' },
  bilinear: { rank: 2, along: 'linear', corners: 'linear_corners', antialias: 'linear_antialias' },
  bicubic: { rank: 2, along: 'cubic', corners: 'cubic_corners', antialias: 'cubic_antialias' },
  trilinear: { rank: 3, along: 'linear', corners: 'linear_corners' },
};

export interface InterpolateOptions {
  /** Sizes of the result, a number for all spatial axes or one each. */
  readonly size?: PerAxis | undefined;
  /** Factors of the sizes instead, a number for all spatial axes or one each: sizes are rounded down. */
  readonly scaleFactor?: PerAxis | undefined;
  /** Default 'nearest'. */
  readonly mode?: InterpolateMode | undefined;
  /** True: the centres of the first and the last elements stay where they are, false: their outer edges. Not for the nearest ones. Default false. */
  readonly alignCorners?: boolean | undefined;
  /** Weighs as many elements as a step of the result is wide, so that images that become smaller keep no patterns which they do not have. For 'bilinear' and 'bicubic'. Default false. */
  readonly antialias?: boolean | undefined;
}

/** Options of an interpolation, checked as far as they can be without images. */
export interface Interpolation {
  readonly size: unknown;
  readonly scaleFactor: unknown;
  readonly mode: InterpolateMode;
  readonly alignCorners: boolean;
  readonly antialias: boolean;
}

/** Checks the options of an interpolation. */
export function interpolation(op: string, options: InterpolateOptions | undefined): Interpolation {
  checkOptions(op, options, ['size', 'scaleFactor', 'mode', 'alignCorners', 'antialias']);
  const { size, scaleFactor, mode = 'nearest', alignCorners, antialias = false } = options ?? {};
  checkChoice(op, 'mode', mode, Object.keys(MODES));
  checkFlags(op, { alignCorners, antialias }, ['alignCorners', 'antialias']);
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new ArgumentError(`[${op}] got ${size === undefined ? 'neither size nor scaleFactor' : 'both size and scaleFactor'}, expected one of them.`, { op });
  }
  if (alignCorners !== undefined && MODES[mode].corners === undefined) {
    throw new ArgumentError(`[${op}] alignCorners: got ${String(alignCorners)} for mode '${mode}', which has no use for it. Leave it out, or take one of 'linear', 'bilinear', 'bicubic', 'trilinear'.`, { op });
  }
  if (antialias && MODES[mode].antialias === undefined) throw new ArgumentError(`[${op}] antialias: got it for mode '${mode}', expected 'bilinear' or 'bicubic'. Take one of these, or leave it out.`, { op });
  return { size, scaleFactor, mode, alignCorners: alignCorners === true, antialias };
}

/** Checks factors of a number of axes. */
function factorsOf(op: string, value: unknown, rank: number): readonly number[] {
  const each: readonly unknown[] = Array.isArray(value) ? value : Array.from({ length: rank }, () => value);
  if (each.length === rank && each.every((factor) => typeof factor === 'number' && Number.isFinite(factor) && factor > 0)) return each as readonly number[];
  throw new ArgumentError(`[${op}] scaleFactor: got ${describeSizes(value)}, expected a number above 0, or one for each of ${rank} spatial axes.`, { op });
}

/** Sizes that an interpolation makes of images of these spatial sizes, and the factors that positions go by, where they were given. */
export function interpolatedSizes(op: string, sizes: readonly number[], { size, scaleFactor, mode }: Interpolation): { readonly to: readonly number[]; readonly factors: readonly number[] | undefined } {
  const rank = sizes.length;
  const wanted = MODES[mode].rank ?? rank;
  if (rank !== wanted) {
    const instead = rank === 1 ? "'linear'" : rank === 2 ? "'bilinear' or 'bicubic'" : "'trilinear'";
    throw new ArgumentError(`[${op}] mode: got '${mode}' for images of ${rank} spatial ${rank === 1 ? 'axis' : 'axes'}, expected ${instead}, or one of the nearest ones.`, { op });
  }
  if (size !== undefined) return { to: perAxis(op, 'size', size, rank, 1), factors: undefined };
  const factors = factorsOf(op, scaleFactor, rank);
  return { to: sizes.map((n, i) => Math.floor(n * factors[i]!)), factors };
}

/** Records an interpolation, whose options have been checked. */
export function recordInterpolation(op: string, x: Tensor, options: Interpolation): Tensor {
  const { shape } = x;
  const rank = shape.length - 2;
  if (rank < 1 || rank > 3) throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(shape)}, expected [N,C,L], [N,C,H,W] or [N,C,D,H,W]. Put what is missing in front: x.unsqueeze(0).`, { op, shapes: [shape] });
  const from = shape.slice(2);
  const { to, factors } = interpolatedSizes(op, from, options);
  if ([...from, ...to].includes(0)) throw new ShapeError(`[${op}] sizes of 0: got x ${showShape(shape)}, which would become ${showShape(to)}, expected at least 1. Take a larger scaleFactor.`, { op, shapes: [shape] });
  const { along, corners, antialias } = MODES[options.mode];
  const mode = options.antialias ? antialias! : options.alignCorners ? corners! : along;
  // In torch's float32: a factor that was given counts, and not the quotient of the sizes, which were rounded.
  const step = from.map((n, i) => (options.alignCorners ? stepOfCorners(n, to[i]!) : Math.fround(factors === undefined ? n / to[i]! : 1 / factors[i]!)));
  return record(resampleOp, [x], { modes: from.map(() => mode), before: from.map(() => 0), step, from, to });
}

/**
 * Images of another size. x [N, C, ..] float32 of one to three spatial axes gives [N, C, ..] of the sizes that `size` says, or floor(n scaleFactor). Element i lies at
 * p = (i + 1/2) n / size - 1/2 of x, for `alignCorners` at i (n - 1) / (size - 1): 'linear', 'bilinear', 'trilinear' weigh the two elements beside p along each axis by their distance,
 * 'bicubic' the four by Keys' cubic (a = -3/4), 'nearest-exact' takes the one that is nearest to p, and 'nearest' that at floor(i n / size). `antialias`, for the latter
 * two, sums over all elements within a filter, a triangle or Keys' cubic (a = -1/2), that is wider by n / size where images become smaller. As torch.nn.functional.interpolate. Throws ArgumentError for options that are wrong, ShapeError for what are no images, and where a size would be 0.
 *
 *     const small = zeros([8, 16, 7, 7]);
 *     const twice = interpolate(small, { scaleFactor: 2, mode: 'bilinear' });         // [8, 16, 14, 14]
 *     const large = interpolate(small, { size: [30, 40], mode: 'bicubic' });          // [8, 16, 30, 40]
 *     const icon = interpolate(large, { size: 8, mode: 'bicubic', antialias: true });
 */
export function interpolate<S extends Shape, D extends DType, const O extends InterpolateOptions>(x: Tensor<S, D>, options: O): Tensor<Interpolated<S, O>, D> {
  checkTensor('interpolate', x, 'x');
  return recordInterpolation('interpolate', x as Tensor, interpolation('interpolate', options)) as unknown as Tensor<Interpolated<S, O>, D>;
}
