// Random augmentation of images [B, H, W] or [B, C, H, W], of bytes or floats. What is drawn for an image depends on the key and on the number of its example only.
import type { DType } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkDType, FLOAT, INT } from './check.js';
import { codes } from './codes.js';
import { imagesCost } from './costs.js';
import { example } from './examples.js';
import { reshaped } from './layout.js';
import type { Attrs, Example, KernelRecord, OutputMeta } from './record.js';
import { COMPOSED } from './tolerance.js';

const PIXELS: readonly DType[] = ['uint8', 'float32'];

/** A range that is drawn from evenly; one number as both ends is that number. */
export type Range = readonly [low: number, high: number];
export type Interpolation = keyof typeof codes.interpolations;
export type PaddingMode = keyof typeof codes.padding_modes;

/** An op over (images.., examples, key): examples int32 [B], key int32 [5], seed low and high word, stream low and high word, epoch. */
interface Kind<A> {
  readonly name: string;
  readonly row: string;
  /** Number of batches of images that it takes. Default 1. */
  readonly images?: 1 | 2;
  readonly dtypes?: readonly DType[];
  /** Height and width of the results. Default: those of the images. */
  readonly size?: (attrs: A) => Shape;
  readonly more?: (images: Shape) => readonly OutputMeta[];
  /** Attributes of the row; `float` gives a number as one. */
  readonly words: (attrs: A, float: (value: number) => number) => readonly number[];
  /** Time of an element, in nanoseconds. */
  readonly cost: number;
  readonly attrs: readonly A[];
  /** Shapes of examples. Default: odd ones, of grey and of colours. */
  readonly shapes?: readonly Shape[];
}

const SHAPES: readonly Shape[] = [[5, 3, 9, 12], [3, 17, 8], [2, 1, 1, 1], [0, 3, 4, 4]];
const LARGEST = codes.image_limits.side;

function augmentation<A extends Attrs>({ name, row, images = 1, dtypes = PIXELS, size, more, words, cost, attrs, shapes = SHAPES }: Kind<A>): KernelRecord<A> {
  const sized = (shape: Shape, own: A): Shape => (size === undefined ? shape : [...shape.slice(0, -2), ...size(own)]);
  const inferred = (shape: Shape) => more?.(shape);
  return {
    name,
    kind: 'random',
    infer: (inputs, own) => {
      checkInputs(name, inputs, images, dtypes);
      const { shape, dtype } = inputs[0]!;
      return { shape: sized(shape, own), dtype, more: inferred(shape) ?? [] };
    },
    emit: (e, own) => {
      const shape = e.shape(0);
      const out = sized(shape, own);
      const outputs = [e.output(0, planes(out)) ?? e.temporary(planes(out), 'float32'), ...(inferred(shape) ?? []).map(({ shape: another, dtype }, i) => e.output(i + 1) ?? e.temporary(another, dtype))];
      const operands = [...Array(images).keys()].map((i) => reshaped(e.input(i), planes(shape)));
      e.instruction(row, outputs, [...operands, e.input(images), e.input(images + 1)], words(own, bitsOf), imagesCost(Math.max(sizeOf(shape), sizeOf(out)), cost));
    },
    gradient: { none: 'images are data, and what is drawn depends on no operand smoothly' },
    tolerance: COMPOSED,
    examples: () => attrs.flatMap((own) => shapes.flatMap((shape) => dtypes.map((dtype) => exampleOf(shape, dtype, images, own)))),
  };
}

function exampleOf(shape: Shape, dtype: DType, images: number, attrs: Attrs): Example {
  const operand = dtype === 'uint8' ? { shape, dtype, from: 0, to: 256 } : { shape };
  const numbers = (count: number) => ({ shape: [count], dtype: 'int32' as const, from: 0, to: 1000 });
  return example([...Array.from({ length: images }, () => operand), numbers(shape[0]!), numbers(5)], attrs);
}

function checkInputs(op: string, inputs: readonly Tensor[], images: number, dtypes: readonly DType[]): void {
  const { shape } = inputs[0]!;
  for (const input of inputs.slice(0, images)) checkDType(op, input, dtypes, 'images');
  for (const input of inputs.slice(images)) checkDType(op, input, INT, 'examples and key');
  const [examples, key] = inputs.slice(images) as [Tensor, Tensor];
  const shapes = inputs.map((input) => input.shape);
  const fit = (shape.length === 3 || shape.length === 4) && shapes.slice(0, images).every((other) => showShape(other) === showShape(shape));
  if (!fit || examples.shape.length !== 1 || examples.shape[0] !== shape[0]) {
    throw new ShapeError(`[${op}] the shapes do not fit: got images ${showShape(shape)}, examples ${showShape(examples.shape)}, expected [B,C,H,W] or [B,H,W], and [B].`, { op, shapes });
  }
  if (shape.slice(-2).some((side) => side < 1 || side > LARGEST)) {
    throw new ShapeError(`[${op}] the images are too small or too large: got ${showShape(shape)}, expected sides from 1 to ${LARGEST}.`, { op, shapes });
  }
  if (sizeOf(key.shape) !== 5 || key.shape.length !== 1) throw new DTypeError(`[${op}] the key is wrong: got ${showShape(key.shape)}, expected int32 [5]. Make it of a random stream.`, { op });
}

/** [B, C, H, W]. */
function planes(shape: Shape): Shape {
  return shape.length === 4 ? shape : [shape[0]!, 1, ...shape.slice(1)];
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

export type FlipAttrs = { readonly axis: 'vertical' | 'horizontal'; readonly p: number };

export const randomFlipOp = augmentation<FlipAttrs>({
  name: 'randomFlip',
  row: 'random_flip',
  words: ({ axis, p }, number) => [axis === 'vertical' ? 2 : 3, number(p)],
  cost: 0.2,
  attrs: [{ axis: 'vertical', p: 0.5 }, { axis: 'horizontal', p: 0.5 }],
});

/** `centred`: nothing is drawn. */
export type CropAttrs = { readonly size: readonly number[]; readonly padding: readonly number[]; readonly mode: PaddingMode; readonly fill: number; readonly centred: boolean };

export const randomCropOp = augmentation<CropAttrs>({
  name: 'randomCrop',
  row: 'random_crop',
  size: ({ size }) => size,
  words: ({ padding, mode, fill, centred }, number) => [...padding, codes.padding_modes[mode], number(fill), Number(!centred)],
  cost: 0.2,
  attrs: [
    { size: [7, 8], padding: [3, 2], mode: 'constant', fill: 9, centred: false },
    { size: [1, 14], padding: [7, 3], mode: 'edge', fill: 0, centred: false },
    { size: [9, 5], padding: [4, 4], mode: 'symmetric', fill: 0, centred: true },
    { size: [16, 9], padding: [8, 3], mode: 'reflect', fill: 0, centred: false },
  ],
  shapes: [[5, 3, 9, 12], [3, 17, 8], [0, 3, 9, 9]],
});

export type ResizedCropAttrs = { readonly size: readonly number[]; readonly scale: Range; readonly ratio: Range; readonly interpolation: Interpolation; readonly centred: boolean };

export const randomResizedCropOp = augmentation<ResizedCropAttrs>({
  name: 'randomResizedCrop',
  row: 'random_resized_crop',
  size: ({ size }) => size,
  words: ({ scale, ratio, interpolation, centred }, number) => [codes.interpolations[interpolation], Number(!centred), ...scale.map(number), ...ratio.map(number)],
  cost: 6,
  attrs: [
    { size: [4, 5], scale: [0.08, 1], ratio: [0.75, 1.25], interpolation: 'bilinear', centred: false },
    { size: [11, 1], scale: [1, 1], ratio: [0.1, 0.2], interpolation: 'bilinear', centred: true },
    { size: [6, 14], scale: [0.2, 0.5], ratio: [0.5, 2], interpolation: 'nearest', centred: false },
  ],
});

export type AffineAttrs = { readonly degrees: Range; readonly translateX: Range; readonly translateY: Range; readonly scale: Range; readonly shearX: Range; readonly shearY: Range; readonly interpolation: Interpolation; readonly fill: number };

export const randomAffineOp = augmentation<AffineAttrs>({
  name: 'randomAffine',
  row: 'random_affine',
  words: ({ degrees, translateX, translateY, scale, shearX, shearY, interpolation, fill }, number) => [
    codes.interpolations[interpolation],
    number(fill),
    ...[degrees, translateX, translateY, scale, shearX, shearY].flatMap((range) => range.map(number)),
  ],
  cost: 4,
  attrs: (['nearest', 'bilinear'] as const).flatMap((interpolation) => [
    { degrees: [-40, 90], translateX: [-0.2, 0.2], translateY: [-0.1, 0.3], scale: [0.7, 1.5], shearX: [-20, 20], shearY: [-10, 30], interpolation, fill: 3 },
    { degrees: [90, 90], translateX: [0, 0], translateY: [0, 0], scale: [1, 1], shearX: [0, 0], shearY: [0, 0], interpolation, fill: 0 },
  ]),
});

export type ErasingAttrs = { readonly p: number; readonly scale: Range; readonly ratio: Range; readonly value: number };

export const randomErasingOp = augmentation<ErasingAttrs>({
  name: 'randomErasing',
  row: 'random_erasing',
  words: ({ p, scale, ratio, value }, number) => [number(p), number(value), ...scale.map(number), ...ratio.map(number)],
  cost: 0.2,
  attrs: [{ p: 0.8, scale: [0.02, 0.6], ratio: [0.3, 3.3], value: 7 }],
});

/** Factors, and a shift of the hue in circles. */
export type JitterAttrs = { readonly brightness: Range; readonly contrast: Range; readonly saturation: Range; readonly hue: Range };

export const colorJitterOp = augmentation<JitterAttrs>({
  name: 'colorJitter',
  row: 'color_jitter',
  dtypes: ['uint8'],
  words: ({ brightness, contrast, saturation, hue }, number) => [brightness, contrast, saturation, hue].flatMap((range) => range.map(number)),
  cost: 12,
  attrs: [{ brightness: [0.5, 1.5], contrast: [0, 2], saturation: [0.5, 3], hue: [-0.5, 0.5] }, { brightness: [1, 1], contrast: [1, 1], saturation: [1, 1], hue: [0, 0] }],
});

/** `chosen`: images are mixed where the number that is drawn for them, in [0, 1), lies within. */
export type MixAttrs = { readonly cut: boolean; readonly chosen: Range; readonly alpha: number };

/** Mixtures of images (a, b); the second output is the share [B] of the first. */
export const mixImagesOp = augmentation<MixAttrs>({
  name: 'mixImages',
  row: 'mix_images',
  images: 2,
  dtypes: FLOAT,
  more: (shape) => [{ shape: [shape[0]!], dtype: 'float32' }],
  words: ({ cut, chosen, alpha }, number) => [Number(cut), ...chosen.map(number), number(alpha)],
  cost: 0.3,
  attrs: [{ cut: false, chosen: [0, 0.8], alpha: 0.2 }, { cut: false, chosen: [0, 1], alpha: 2 }, { cut: true, chosen: [0.2, 1], alpha: 1 }],
});

export const augmentationOps = {
  randomFlip: randomFlipOp,
  randomCrop: randomCropOp,
  randomResizedCrop: randomResizedCropOp,
  randomAffine: randomAffineOp,
  randomErasing: randomErasingOp,
  colorJitter: colorJitterOp,
  mixImages: mixImagesOp,
};
