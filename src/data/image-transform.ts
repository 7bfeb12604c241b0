import { readFile } from 'node:fs/promises';
import { describeValue } from '../describe-value.js';
import { ArgumentError, FileFormatError } from '../errors.js';
import { checkPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { fromArray } from '../ops/leaf.js';
import { checkRequired } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { noImage } from './image-bytes.js';
import { decodeImage, reasonOf } from './image-decoder.js';
import { type ImageRecipe, recipeOf } from './image-recipe.js';
import { channelAffineOf, type ChannelNormalize, checkChannelNormalize, normalized } from './normalize.js';

/** An image as a file has it: the path or the URL of one, or its bytes. */
export type EncodedImage = FilePath;

const OP = 'ImageTransform';
/** Images that are read and decoded at once. */
const AT_ONCE = 16;

/** Making of inputs from images of any size and format, as the images of a folder were made: `folder.transform`. */
export class ImageTransform {
  readonly recipe: ImageRecipe;
  readonly normalize: ChannelNormalize | undefined;

  constructor(recipe: ImageRecipe, normalize: ChannelNormalize | undefined) {
    this.recipe = recipe;
    this.normalize = normalize;
  }

  /** The shape of the inputs of one image: [channels, height, width]. */
  get shape(): Shape {
    const { channels, height, width } = this.recipe;
    return [channels, height, width];
  }

  /**
   * Images as inputs with the batch in front, [N, C, H, W] float32. Rejects with FileFormatError, with its number, for one that is damaged or of another format; ArgumentError for what is no image; Node.js's own
   * error for a file that cannot be read; AnnealError (ANNEAL_OPTIONAL_MISSING) without sharp.
   *
   *     const pets = await data.fromImageFolder('pets', { size: [32, 32] });
   *     const inputs = await pets.transform.batch(['pets/' + pets.paths[0]]);      // [1, 3, 32, 32]
   */
  async batch(images: readonly EncodedImage[], op = 'ImageTransform.batch'): Promise<Tensor> {
    const [channels, height, width] = this.shape as readonly [number, number, number];
    const each = channels * height * width;
    const all = new Uint8Array(images.length * each);
    for (let first = 0; first < images.length; first += AT_ONCE) {
      await Promise.all(images.slice(first, first + AT_ONCE).map((image, k) => this.#decode(op, image, first + k, all.subarray((first + k) * each, (first + k + 1) * each))));
    }
    const affine = this.normalize && channelAffineOf(this.normalize, channels, op);
    return normalized(fromArray(all, [images.length, channels, height, width], 'uint8'), affine);
  }

  /** Returns recipe and normalisation, which fromJSON() reads. */
  toJSON(): object {
    const { height, width, ...rest } = this.recipe;
    return { size: [height, width], ...rest, ...(this.normalize === undefined ? {} : { normalize: this.normalize }) };
  }

  /** The transform that toJSON() wrote. Throws ArgumentError, and AnnealError for an unknown option, for anything else. */
  static fromJSON(value: unknown): ImageTransform {
    const options = value as Parameters<typeof recipeOf>[1] & { readonly normalize?: ChannelNormalize };
    checkRequired(OP, options, ['size', 'channels', 'fit', 'kernel', 'background', 'maxPixels', 'normalize']);
    const recipe = recipeOf(OP, options);
    checkChannelNormalize(options.normalize, recipe.channels, OP);
    return new ImageTransform(recipe, options.normalize);
  }

  async #decode(op: string, image: unknown, i: number, into: Uint8Array): Promise<void> {
    const fail = (what: string, cause?: unknown): FileFormatError => new FileFormatError(`[${op}] image ${i}${typeof image === 'string' ? `, ${image},` : ''} is damaged: ${what}. Take another one.`, { op, cause });
    const bytes = await bytesOf(op, image, i);
    const reason = noImage(bytes);
    if (reason !== undefined) throw fail(reason);
    await decodeImage(bytes, this.recipe, into).catch((cause: unknown) => {
      throw fail(reasonOf(cause as Error, this.recipe), cause);
    });
  }
}

async function bytesOf(op: string, image: unknown, i: number): Promise<Buffer> {
  if (image instanceof Uint8Array) return Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (typeof image === 'string' || image instanceof URL) return readFile(checkPath(op, image));
  throw new ArgumentError(`[${op}] image ${i}: got ${describeValue(image)}, expected a path or the bytes of a file.`, { op });
}
