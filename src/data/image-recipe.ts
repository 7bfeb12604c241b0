import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkChoice } from '../options.js';

/** Manner in which an image is brought to its size: cut to it, fitted into it, or stretched. */
export type ImageFit = 'cover' | 'contain' | 'fill';
export const FITS: readonly ImageFit[] = ['cover', 'contain', 'fill'];

export type ImageKernel = 'nearest' | 'linear' | 'cubic' | 'mitchell' | 'lanczos2' | 'lanczos3';
export const KERNELS: readonly ImageKernel[] = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'];

/** Size and colours that images are brought to. */
export interface ImageRecipe {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly fit: ImageFit;
  readonly kernel: ImageKernel;
  /** Red, green and blue, 0 to 255. */
  readonly background: readonly [number, number, number];
  readonly maxPixels: number;
}

/** 2^26: cameras have up to 61 million. */
const MAX_PIXELS = 2 ** 26;

/** Options of a recipe, as data.fromImageFolder() has them. */
export interface ImageRecipeOptions {
  readonly size: readonly [height: number, width: number];
  readonly channels?: 1 | 3 | undefined;
  readonly fit?: ImageFit | undefined;
  readonly kernel?: ImageKernel | undefined;
  readonly background?: readonly [red: number, green: number, blue: number] | undefined;
  readonly maxPixels?: number | undefined;
}

/** The recipe that options ask for. Throws ArgumentError. */
export function recipeOf(op: string, { size, channels = 3, fit = 'cover', kernel = 'lanczos3', background = [0, 0, 0], maxPixels = MAX_PIXELS }: ImageRecipeOptions): ImageRecipe {
  const invalid = (option: string, got: string, expected: string): ArgumentError => new ArgumentError(`[${op}] ${option}: got ${got}, expected ${expected}.`, { op });
  const integers = (values: unknown, count: number, from: number, to: number): boolean =>
    Array.isArray(values) && values.length === count && values.every((value) => Number.isInteger(value) && value >= from && value <= to);
  if (!integers(size, 2, 1, 2 ** 14)) throw invalid('size', describeList(size), '[height, width], integers in [1, 16384], as in { size: [64, 64] }: images of one batch have one size');
  if (channels !== 1 && channels !== 3) throw invalid('channels', describeValue(channels), '1 or 3');
  checkChoice(op, 'fit', fit, FITS);
  checkChoice(op, 'kernel', kernel, KERNELS);
  if (!integers(background, 3, 0, 255)) throw invalid('background', describeList(background), 'red, green and blue, integers in [0, 255], as in [255, 255, 255]');
  if (!integers([maxPixels], 1, 1, 2 ** 31)) throw invalid('maxPixels', describeValue(maxPixels), 'an integer in [1, 2^31]');
  return { height: size[0], width: size[1], channels, fit, kernel, background, maxPixels };
}
