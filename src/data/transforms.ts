// Random changes of images, with the names, defaults and distributions of torchvision.transforms.v2.
import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import {
  type AffineAttrs, colorJitterOp, type CropAttrs, type ErasingAttrs, type FlipAttrs, type Interpolation, type JitterAttrs, type PaddingMode, type Range, randomAffineOp, randomCropOp,
  randomErasingOp, randomFlipOp, randomResizedCropOp, type ResizedCropAttrs,
} from '../ops/augmentation.js';
import { codes } from '../ops/codes.js';
import { perAxis } from '../ops/windows.js';
import { checkChoice, checkOptions } from '../options.js';
import { showShape } from '../shape.js';
import type { PerAxis } from '../window-types.js';
import { type CroppedImage, type ImageKind, Mixing, type ResizedImage, type SameImage, Transform } from './transform.js';

export { Mixing, Transform } from './transform.js';
export type { Interpolation, PaddingMode, Range } from '../ops/augmentation.js';

const LARGEST = codes.image_limits.side;
/** Areas and aspect ratios that there may be. */
const AREAS: Range = [1e-6, 1];
const RATIOS: Range = [1e-3, 1e3];

export interface FlipOptions {
  /** Probability that an image is flipped. Default 0.5. */
  readonly p?: number | undefined;
}

/**
 * Turns an image left for right with the probability p, 0.5 by default. Throws ArgumentError for p outside [0, 1].
 * As torchvision.transforms.v2.RandomHorizontalFlip.
 *
 *     const turned = data.transforms.randomHorizontalFlip({ p: 0.3 });
 */
export function randomHorizontalFlip(options: FlipOptions = {}): Transform<SameImage> {
  return flip('randomHorizontalFlip', 'horizontal', options);
}

/**
 * Turns an image upside down with the probability p, 0.5 by default. Throws ArgumentError for p outside [0, 1].
 * As torchvision.transforms.v2.RandomVerticalFlip.
 *
 *     const turned = data.transforms.randomVerticalFlip();
 */
export function randomVerticalFlip(options: FlipOptions = {}): Transform<SameImage> {
  return flip('randomVerticalFlip', 'vertical', options);
}

function flip(name: string, axis: FlipAttrs['axis'], options: FlipOptions): Transform<SameImage> {
  checkOptions(opOf(name), options, ['p']);
  const attrs: FlipAttrs = { axis, p: within(name, 'p', options.p ?? 0.5, [0, 1]) };
  return made(name, [options], { op: randomFlipOp, attrs });
}

export interface CropOptions {
  /** Elements beside the image on either side of an axis: one number, or [vertical, horizontal]. Default 0. */
  readonly padding?: PerAxis<2> | undefined;
  /** Value of these elements, in units of the data: 0 to 255 of bytes. Default 0. */
  readonly fill?: number | undefined;
  /** Elements beside the image: `fill` ('constant'), its edge, or its mirror image without or with the edge ('reflect', 'symmetric'). Default 'constant'. */
  readonly paddingMode?: PaddingMode | undefined;
}

/**
 * Cuts a part of `size` (one number, or [height, width]) out of the padded image, each place of it as likely. Evaluation takes the middle.
 * Throws ArgumentError for what is no size, padding or mode; `augment` does where the padded images are smaller than `size`.
 * As torchvision.transforms.v2.RandomCrop, with padding alike on both sides of an axis.
 *
 *     const shifted = data.transforms.randomCrop(28, { padding: 2 });      // images of 28 by 28, shifted by up to 2
 */
export function randomCrop<const K extends PerAxis<2>, const O extends CropOptions = {}>(size: K, options?: O): Transform<CroppedImage<K, O extends { readonly padding: infer P extends PerAxis<2> } ? P : 0>> {
  const name = 'randomCrop';
  const { padding = 0, fill = 0, paddingMode = 'constant' }: CropOptions = options ?? {};
  checkOptions(opOf(name), options, ['padding', 'fill', 'paddingMode']);
  checkChoice(opOf(name), 'paddingMode', paddingMode, Object.keys(codes.padding_modes));
  const attrs: CropAttrs = { size: sides(name, 'size', size, 1), padding: sides(name, 'padding', padding, 0), mode: paddingMode, fill: number(name, 'fill', fill), centred: false };
  const most = (side: number): number => (paddingMode === 'reflect' ? side - 1 : paddingMode === 'symmetric' ? side : LARGEST);
  return made(name, [size, options], {
    op: randomCropOp,
    attrs,
    evaluated: { ...attrs, centred: true },
    refuses: (image) => {
      const spatial = image.shape.slice(-2);
      if (spatial.some((side, axis) => attrs.padding[axis]! > most(side))) return `at most ${showShape(spatial.map(most))} of padding with paddingMode '${paddingMode}'`;
      if (spatial.some((side, axis) => side + 2 * attrs.padding[axis]! < attrs.size[axis]!)) return `images of at least ${showShape(attrs.size.map((side, axis) => Math.max(side - 2 * attrs.padding[axis]!, 1)))}. Give more padding, or a smaller size`;
      return noElement(image, 'fill', fill);
    },
  });
}

export interface ResizedCropOptions {
  /** Range of the part's share of the image's area. Default [0.08, 1]. */
  readonly scale?: Range | undefined;
  /** Range of its width divided by its height, drawn by its logarithm. Default [3 / 4, 4 / 3]. */
  readonly ratio?: Range | undefined;
  /** 'bilinear', with a filter as wide as the image is made smaller (antialias), or 'nearest'. Default 'bilinear'. */
  readonly interpolation?: Interpolation | undefined;
}

/**
 * Cuts out a part of random area and aspect ratio, and brings it to `size` (one number, or [height, width]). Evaluation takes the largest part in the middle with the proportions
 * of `size`. Throws ArgumentError for what is no size or range. As torchvision.transforms.v2.RandomResizedCrop.
 *
 *     const zoomed = data.transforms.randomResizedCrop([48, 64], { scale: [0.5, 1] });
 */
export function randomResizedCrop<const K extends PerAxis<2>>(size: K, options: ResizedCropOptions = {}): Transform<ResizedImage<K>> {
  const name = 'randomResizedCrop';
  checkOptions(opOf(name), options, ['scale', 'ratio', 'interpolation']);
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = 'bilinear' } = options;
  checkChoice(opOf(name), 'interpolation', interpolation, Object.keys(codes.interpolations));
  const attrs: ResizedCropAttrs = { size: sides(name, 'size', size, 1), scale: range(name, 'scale', scale, AREAS), ratio: range(name, 'ratio', ratio, RATIOS), interpolation, centred: false };
  return made(name, [size, options], { op: randomResizedCropOp, attrs, evaluated: { ...attrs, centred: true } });
}

/** Options of what looks elements up between those of the image. */
export interface InterpolationOptions {
  /** 'nearest' or 'bilinear'. Default 'nearest'. */
  readonly interpolation?: Interpolation | undefined;
  /** Value of what lies outside of the image, in units of the data: 0 to 255 of bytes. Default 0. */
  readonly fill?: number | undefined;
}

/**
 * Turns an image about its centre, by an angle drawn evenly from [-degrees, degrees] or from [low, high], counter-clockwise where it is positive. The size stays.
 * Throws ArgumentError for what is no range. As torchvision.transforms.v2.RandomRotation without expand.
 *
 *     const tilted = data.transforms.randomRotation(10, { interpolation: 'bilinear' });
 */
export function randomRotation(degrees: number | Range, options: InterpolationOptions = {}): Transform<SameImage> {
  const name = 'randomRotation';
  checkOptions(opOf(name), options, ['interpolation', 'fill']);
  const [low, high] = around(name, 'degrees', degrees, 0, [-3600, 3600]);
  return affine(name, [degrees, options], { ...STILL, degrees: [-high, -low] }, options);
}

export interface AffineOptions extends InterpolationOptions {
  /** Greatest shifts to either side, [horizontal, vertical], as parts of width and height; whole elements are drawn. Default: none. */
  readonly translate?: readonly [horizontal: number, vertical: number] | undefined;
  /** Range of the factor that the image is enlarged by. Default [1, 1]. */
  readonly scale?: Range | undefined;
  /** Shear in degrees: s for [-s, s] along x, [low, high] along x, or [low, high, low, high] along x and y. Default: none. */
  readonly shear?: number | Range | readonly [lowX: number, highX: number, lowY: number, highY: number] | undefined;
}

/**
 * Turns, shifts, scales and shears an image about its centre: angles are drawn from [-degrees, degrees] or from [low, high], clockwise where they are positive. The size stays.
 * `randomAffine(0, { translate: [0.1, 0.1] })` is a random shift. Throws ArgumentError for what is no range. As torchvision.transforms.v2.RandomAffine, which counts the image's share
 * twice where it interpolates between image and fill.
 *
 *     const moved = data.transforms.randomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5, interpolation: 'bilinear' });
 */
export function randomAffine(degrees: number | Range, options: AffineOptions = {}): Transform<SameImage> {
  const name = 'randomAffine';
  checkOptions(opOf(name), options, ['translate', 'scale', 'shear', 'interpolation', 'fill']);
  const { translate = [0, 0], scale = [1, 1], shear = 0 } = options;
  if (!isNumbers(translate, 2) || translate.some((part) => !(part >= 0 && part <= 1))) throw wrong(name, 'translate', translate, '[horizontal, vertical], parts of width and height in [0, 1]');
  const [x, y] = isNumbers(shear, 4) ? [shear.slice(0, 2), shear.slice(2)] : [shear, 0];
  const angles = (of: unknown): Range => around(name, 'shear', of, 0, [-80, 80]);
  const attrs = {
    degrees: around(name, 'degrees', degrees, 0, [-3600, 3600]),
    translateX: [-translate[0]!, translate[0]!] as const,
    translateY: [-translate[1]!, translate[1]!] as const,
    scale: range(name, 'scale', scale, [0.01, 100]),
    shearX: angles(x),
    shearY: angles(y),
  };
  return affine(name, [degrees, options], attrs, options);
}

type Moves = Omit<AffineAttrs, 'interpolation' | 'fill'>;
const NOTHING: Range = [0, 0];
const STILL: Moves = { degrees: NOTHING, translateX: NOTHING, translateY: NOTHING, scale: [1, 1], shearX: NOTHING, shearY: NOTHING };

function affine(name: string, given: readonly unknown[], moves: Moves, { interpolation = 'nearest', fill = 0 }: InterpolationOptions): Transform<SameImage> {
  checkChoice(opOf(name), 'interpolation', interpolation, Object.keys(codes.interpolations));
  const attrs: AffineAttrs = { ...moves, interpolation, fill: number(name, 'fill', fill) };
  return made(name, given, { op: randomAffineOp, attrs, refuses: (image) => noElement(image, 'fill', fill) });
}

export interface ErasingOptions {
  /** Probability that a part is erased. Default 0.5. */
  readonly p?: number | undefined;
  /** Range of its share of the image's area. Default [0.02, 0.33]. */
  readonly scale?: Range | undefined;
  /** Range of its width divided by its height, drawn by its logarithm. Default [0.3, 3.3]. */
  readonly ratio?: Range | undefined;
  /** Value of what is erased, in units of the data: 0 to 255 of bytes. Default 0. */
  readonly value?: number | undefined;
}

/**
 * Sets a random rectangle of an image to `value`, as cutout does. Throws ArgumentError for what is no range or probability.
 * As torchvision.transforms.v2.RandomErasing (Zhong et al., arXiv:1708.04896).
 *
 *     const cutout = data.transforms.randomErasing({ p: 1, scale: [0.25, 0.25], ratio: [1, 1] });     // a quarter of each image
 */
export function randomErasing(options: ErasingOptions = {}): Transform<SameImage> {
  const name = 'randomErasing';
  checkOptions(opOf(name), options, ['p', 'scale', 'ratio', 'value']);
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  const attrs: ErasingAttrs = { p: within(name, 'p', p, [0, 1]), scale: range(name, 'scale', scale, AREAS), ratio: range(name, 'ratio', ratio, RATIOS), value: number(name, 'value', value) };
  return made(name, [options], { op: randomErasingOp, attrs, refuses: (image) => noElement(image, 'value', value) });
}

export interface JitterOptions {
  /** Factor of the brightness, drawn from [max(0, 1 - brightness), 1 + brightness] or from [low, high]. Default 0, which leaves it. */
  readonly brightness?: number | Range | undefined;
  /** Factor of the distance from the image's mean grey, as brightness. Default 0. */
  readonly contrast?: number | Range | undefined;
  /** Factor of the distance from grey, as brightness. Default 0. */
  readonly saturation?: number | Range | undefined;
  /** Turn of the hue in circles, drawn from [-hue, hue] or from [low, high] within [-0.5, 0.5]. Default 0. */
  readonly hue?: number | Range | undefined;
}

/**
 * Changes brightness, contrast, saturation and hue of images of bytes, [H, W] or [1, H, W] grey, or [3, H, W] red, green and blue, in random order. Grey ones have neither saturation
 * nor hue. Throws ArgumentError for what is no range; `augment` does for other images. As torchvision.transforms.v2.ColorJitter.
 *
 *     const recoloured = data.transforms.colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.05 });
 */
export function colorJitter(options: JitterOptions = {}): Transform<SameImage> {
  const name = 'colorJitter';
  checkOptions(opOf(name), options, ['brightness', 'contrast', 'saturation', 'hue']);
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  const factor = (option: string, given: number | Range): Range => around(name, option, given, 1, [0, 1000]);
  const attrs: JitterAttrs = {
    brightness: factor('brightness', brightness),
    contrast: factor('contrast', contrast),
    saturation: factor('saturation', saturation),
    hue: around(name, 'hue', hue, 0, [-0.5, 0.5]),
  };
  const refuses = ({ shape, bytes }: ImageKind): string | undefined => (bytes && (shape.length === 2 || shape[0] === 1 || shape[0] === 3) ? undefined : 'bytes of one channel or three. Give x as a Uint8Array; normalize scales it afterwards');
  return made(name, [options], { op: colorJitterOp, attrs, refuses });
}

export interface MixOptions {
  /** Both parameters of the beta distribution that the share of the first image is drawn from, in [0.01, 100]. Default 1. */
  readonly alpha?: number | undefined;
  /** Probability that an image is mixed. Default 1. */
  readonly p?: number | undefined;
  /** The number of classes. Default: that of the data. */
  readonly classes?: number | undefined;
}

/**
 * Mixes each image with the one before it in the epoch's order, both augmented: x = share a + (1 - share) b, with a share for each drawn from Beta(alpha, alpha). Class
 * indices become probabilities float32 [B, classes], mixed alike, which losses.crossEntropy takes. The last transform of its data. Throws ArgumentError for an alpha or p
 * out of range. As torchvision.transforms.v2.MixUp (Zhang et al., arXiv:1710.09412), which draws one share for a batch.
 *
 *     const mixed = data.transforms.mixUp({ alpha: 0.2 });
 */
export function mixUp(options: MixOptions = {}): Mixing {
  return mixing('mixUp', false, options);
}

/**
 * Puts a random rectangle of the image before it in the epoch's order into each image, both augmented; its area is 1 - share of the whole, with a share drawn from Beta(alpha, alpha), less
 * what would lie outside. Class indices become probabilities float32 [B, classes], by the areas, which losses.crossEntropy takes. The last transform of its data. Throws ArgumentError
 * for an alpha or p out of range. As torchvision.transforms.v2.CutMix (Yun et al., arXiv:1905.04899), which draws one rectangle for a batch.
 *
 *     const mixed = data.transforms.cutMix({ p: 0.5 });
 */
export function cutMix(options: MixOptions = {}): Mixing {
  return mixing('cutMix', true, options);
}

function mixing(name: string, cut: boolean, options: MixOptions): Mixing {
  checkOptions(opOf(name), options, ['alpha', 'p', 'classes']);
  const { alpha = 1, p = 1, classes } = options;
  if (classes !== undefined && !(Number.isSafeInteger(classes) && classes >= 1)) throw wrong(name, 'classes', classes, 'a whole number of at least 1');
  return new Mixing(textOf(name, [options]), [{ cut, chosen: [0, within(name, 'p', p, [0, 1])], alpha: within(name, 'alpha', alpha, [0.01, 100]) }], classes);
}

export interface ChoiceOptions {
  /** Weights of the transforms, by which one of them is drawn. Default: all alike. */
  readonly p?: readonly number[] | undefined;
}

/**
 * Mixes each image by one of `transforms`, mixUp() and cutMix(), which is drawn for it by the weights `p`. The last transform of its data. Throws ArgumentError for what is no
 * list of them, for weights that are negative, all 0 or of another number, and for numbers of classes that differ. As torchvision.transforms.v2.RandomChoice of MixUp and CutMix,
 * which draws one for a batch.
 *
 *     const mixed = data.transforms.randomChoice([data.transforms.mixUp({ alpha: 0.2 }), data.transforms.cutMix()], { p: [1, 3] });
 */
export function randomChoice(transforms: readonly Mixing[], options: ChoiceOptions = {}): Mixing {
  const name = 'randomChoice';
  checkOptions(opOf(name), options, ['p']);
  if (!Array.isArray(transforms) || transforms.length === 0 || !transforms.every((one) => one instanceof Mixing)) {
    throw wrong(name, 'transforms', transforms, 'a list of what mixes images, as in [mixUp(), cutMix()]');
  }
  const { p = transforms.map(() => 1) } = options;
  const sum = isNumbers(p, transforms.length) && p.every((weight) => weight >= 0) ? p.reduce((a, b) => a + b) : 0;
  if (!(sum > 0 && sum < Infinity)) throw wrong(name, 'p', p, `${transforms.length} weights of at least 0, not all 0`);
  const [classes, another] = new Set(transforms.flatMap((one) => one.classes ?? []));
  if (another !== undefined) throw wrong(name, 'transforms', transforms, `one number of classes, not ${classes} and ${another}`);
  let low = 0;
  const parts = transforms.flatMap((one, i) => {
    const start = low;
    low += p[i]! / sum;
    // The last part ends at 1, whatever the sum of shares is rounded to.
    return one.within$([start, i === transforms.length - 1 ? 1 : low]);
  });
  return new Mixing(textOf(name, [transforms, options]), parts, classes);
}

type MadeOf = ConstructorParameters<typeof Transform>[1];

function made<T extends Transform>(name: string, given: readonly unknown[], recipe: { readonly op: unknown; readonly attrs: unknown; readonly evaluated?: unknown; readonly refuses?: MadeOf['refuses'] }): T {
  return new Transform(textOf(name, given), recipe as MadeOf) as T;
}

const opOf = (name: string): string => `data.transforms.${name}`;

function wrong(name: string, option: string, got: unknown, expected: string): ArgumentError {
  return new ArgumentError(`[${opOf(name)}] ${option}: got ${describeList(got)}, expected ${expected}.`, { op: opOf(name) });
}

function isNumbers(value: unknown, count: number): value is readonly number[] {
  return Array.isArray(value) && value.length === count && value.every((one) => typeof one === 'number');
}

function sides(name: string, option: string, value: unknown, least: number): readonly number[] {
  const both = perAxis(opOf(name), option, value, 2, least);
  if (both.every((side) => side <= LARGEST)) return both;
  throw wrong(name, option, value, `at most ${LARGEST}`);
}

function number(name: string, option: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value;
  throw wrong(name, option, value, 'a finite number');
}

function within(name: string, option: string, value: unknown, [low, high]: Range): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw wrong(name, option, value, `a number in [${low}, ${high}]`);
}

function range(name: string, option: string, value: unknown, [low, high]: Range): Range {
  if (isNumbers(value, 2) && value[0]! >= low && value[0]! <= value[1]! && value[1]! <= high) return [value[0]!, value[1]!];
  throw wrong(name, option, value, `[low, high] within [${low}, ${high}]`);
}

/** [low, high], or one number for as much to either side of `centre`. */
function around(name: string, option: string, value: unknown, centre: number, limits: Range): Range {
  if (typeof value !== 'number') return range(name, option, value, limits);
  if (value >= 0 && centre + value <= limits[1]) return [Math.max(centre - value, limits[0]), centre + value];
  throw wrong(name, option, value, `a number in [0, ${limits[1] - centre}], or [low, high] within [${limits[0]}, ${limits[1]}]`);
}

/** Reason why `value` is no element of such images. */
function noElement({ bytes }: ImageKind, option: string, value: number): string | undefined {
  return !bytes || (Number.isInteger(value) && value >= 0 && value <= 255) ? undefined : `${option} ${describeValue(value)} to be a byte, a whole number in [0, 255]`;
}

/** A call as text: `randomCrop(28, { padding: 2 })`. */
function textOf(name: string, given: readonly unknown[]): string {
  const text = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
    if (value instanceof Transform) return String(value);
    if (typeof value !== 'object' || value === null) return describeValue(value);
    return `{ ${Object.entries(value).filter(([, one]) => one !== undefined).map(([option, one]) => `${option}: ${text(one)}`).join(', ')} }`;
  };
  return `${name}(${given.filter((value) => value !== undefined).map(text).filter((one) => one !== '{  }').join(', ')})`;
}
