import { basename, join, resolve } from 'node:path';
import { describeList } from '../describe-value.js';
import { ArgumentError, FileFormatError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { allocate } from '../numeric-array.js';
import { checkChoice, checkRequired } from '../options.js';
import type { Shape } from '../shape.js';
import { warn } from '../warn.js';
import { type Arrays, Dataset } from './dataset.js';
import { nameOf } from './examples.js';
import { type AnyFetched, fetchBatches } from './fetch-batches.js';
import { FetchedDataset, type FetchedSetup, type SkippedExample } from './fetched-dataset.js';
import { checkConcurrency, defaultConcurrency } from './fetched-loader.js';
import { damaged, readImage } from './image-bytes.js';
import { decodeImage, decoder, reasonOf } from './image-decoder.js';
import { type ImageList, listImages } from './image-files.js';
import { type ImageFit, type ImageKernel, type ImageRecipe, recipeOf } from './image-recipe.js';
import { ImageTransform } from './image-transform.js';
import { type Affine, channelAffineOf, type ChannelNormalize, checkChannelNormalize } from './normalize.js';
import { ascending } from './order.js';

const OP = 'data.fromImageFolder';
const KNOWN = ['size', 'channels', 'fit', 'kernel', 'background', 'normalize', 'onDamaged', 'extensions', 'classNames', 'followLinks', 'maxPixels', 'name'];
const EXTENSIONS = ['.png', '.jpg', '.jpeg', '.webp', '.avif', '.gif', '.tif', '.tiff'];
/** More bytes than this do not fit into one tensor. */
const MAX_BYTES = 2 ** 31 - 1;

export interface ImageFolderOptions<H extends number = number, W extends number = number, C extends 1 | 3 = 1 | 3> {
  /** Height and width that every image is brought to. */
  readonly size: readonly [height: H, width: W];
  /** 3 for red, green and blue, 1 for grey: the luminance. Default 3. */
  readonly channels?: C | undefined;
  /** 'cover' keeps proportions and cuts off what stands out, alike on both sides; 'contain' keeps them and puts background beside; 'fill' stretches. Default 'cover'. */
  readonly fit?: ImageFit | undefined;
  /** Resampling: 'nearest', 'linear', 'cubic', 'mitchell', 'lanczos2' or 'lanczos3'. Default 'lanczos3'. */
  readonly kernel?: ImageKernel | undefined;
  /** Red, green and blue, 0 to 255, behind what is transparent and beside what is fitted. Default black. */
  readonly background?: readonly [red: number, green: number, blue: number] | undefined;
  /** x' = (x / 255 - mean) / std, by one number each, or one for each channel. Without it values are cast, 0 to 255. */
  readonly normalize?: ChannelNormalize | undefined;
  /** 'error' ends the pass at an image that cannot be decoded; 'skip' leaves it out of its batch and notes it in `skipped`. Default 'error'. */
  readonly onDamaged?: 'error' | 'skip' | undefined;
  /** Endings of the names of images, in any case; all other files are passed over. Default .png, .jpg, .jpeg, .webp, .avif, .gif, .tif, .tiff. */
  readonly extensions?: readonly string[] | undefined;
  /** Names of all classes, in the order of their labels, as another folder has them: classes without a directory then have no images here. Default: the directories, sorted. */
  readonly classNames?: readonly string[] | undefined;
  /** Links that are followed: those inside the folder, or all. Default 'inside'. */
  readonly followLinks?: 'inside' | 'anywhere' | undefined;
  /** Pixels that an image may claim to have, so that a small file cannot fill the memory. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Stands in messages. Default: the name of the folder. */
  readonly name?: string | undefined;
}

/** Facts about a folder that all of its parts share. */
interface FolderSetup<X extends Shape> extends FetchedSetup<X, [], 'int32', 'float32'>, ImageList {
  /** The folder as the user named it. */
  readonly folder: string;
  readonly recipe: ImageRecipe;
  readonly normalize: ChannelNormalize | undefined;
  readonly skips: boolean;
  /** Reasons of images that were left out, by their numbers. */
  readonly skipped: Map<number, FileFormatError>;
}

/** The images of a folder, or of a part of it, decoded when a batch needs them: `data.fromImageFolder` makes it. */
export class ImageFolder<X extends Shape = Shape> extends FetchedDataset<X, [], 'int32', 'float32'> {
  /** Names of the classes, in the order of their labels. */
  readonly classNames: readonly string[];
  readonly #setup: FolderSetup<X>;
  readonly #rows: Int32Array | undefined;

  constructor(setup: FolderSetup<X>, rows?: Int32Array) {
    super(setup, rows);
    this.classNames = setup.classNames;
    this.#setup = setup;
    this.#rows = rows;
  }

  protected override withRows(rows: Int32Array): this {
    return new ImageFolder(this.#setup, rows) as this;
  }

  protected override withSetup(setup: object): AnyFetched {
    return new ImageFolder({ ...this.#setup, ...setup }, this.#rows) as unknown as AnyFetched;
  }

  /** Making of inputs from images, by which a model answers for others: new Predictor(model, { images: folder }). */
  get transform(): ImageTransform {
    return new ImageTransform(this.#setup.recipe, this.#setup.normalize);
  }

  /** Paths of the images in the folder, with slashes on every platform. */
  get paths(): string[] {
    const { files } = this.#setup;
    return Array.from(this.toRows$(ascending(this.size)), (row) => files[row]!.path);
  }

  /** Damaged images that were left out so far, of this part or of any other of the folder, in the folder's order. */
  get skipped(): SkippedExample[] {
    const { files, skipped } = this.#setup;
    return [...skipped].toSorted(([a], [b]) => a - b).map(([row, error]) => ({ path: files[row]!.path, error }));
  }

  /**
   * Decodes all images and keeps their bytes in memory, as a Dataset in this order, for which steps need not wait: for data that is small beside the memory. Damaged
   * images are left out where `onDamaged` is 'skip'. Throws as a loader does.
   */
  override async load({ concurrency = defaultConcurrency() }: { readonly concurrency?: number | undefined } = {}): Promise<Dataset<X, [], 'int32', 'float32'>> {
    checkConcurrency('load', concurrency);
    const { name, size, classes, bytes$: one } = this;
    const total = size * one;
    if (total > MAX_BYTES) throw new ArgumentError(`[load] dataset '${name}': got ${size} images of ${one} bytes, expected at most ${MAX_BYTES} bytes in one dataset. Train on the folder itself, or on a subset.`, { op: 'load' });
    const images = allocate('load', `the images of dataset '${name}'`, total, () => new Uint8Array(engine().memory(total)));
    const rows = new Int32Array(size);
    const batchSize = 64;
    let count = 0;
    const options = { batchSize, first: 0, count: Math.ceil(size / batchSize), prefetch: 1, concurrency };
    for await (const fetched of fetchBatches(this as unknown as AnyFetched, this.toRows$(ascending(size)), options)) {
      images.set(fetched.bytes, count * one);
      rows.set(fetched.rows, count);
      count += fetched.rows.length;
    }
    if (count === 0) throw this.skipped[0]!.error;
    const { labels, affine, augmentation } = this.#setup;
    const arrays: Arrays<X, [], 'int32', 'float32'> = {
      name,
      shape: this.#setup.shape,
      targetShape: this.targetShape,
      dtype: 'float32',
      targetDtype: this.targetDtype,
      classes,
      inputs: [{ name: undefined, data: images.subarray(0, count * one), shape: this.#setup.shape, affine }],
      targets: [{ name: undefined, data: rows.subarray(0, count).map((row) => labels[row]!), shape: [] }],
      size: count,
    };
    return new Dataset(arrays, undefined, undefined, augmentation);
  }

  /** Returns a description without elements. */
  override toJSON(): object {
    return { ...super.toJSON(), classNames: this.classNames, skipped: this.#setup.skipped.size };
  }

  override async fetch$(row: number, bytes: Uint8Array): Promise<FileFormatError | undefined> {
    const { root, folder, files, recipe, skips } = this.#setup;
    const { path, target } = files[row]!;
    const shown = `${folder}/${path}`;
    try {
      const image = await readImage(target ?? join(root, path), shown);
      await decodeImage(image, recipe, bytes).catch((cause: unknown) => {
        throw damaged(shown, reasonOf(cause as Error, recipe), cause);
      });
      return undefined;
    } catch (error) {
      if (skips && error instanceof FileFormatError) return error;
      throw error;
    }
  }

  override skip$(row: number, error: FileFormatError): void {
    const { skipped, folder } = this.#setup;
    if (skipped.size === 0) warn('ANNEAL_DAMAGED_IMAGES', `${error.message.replace(/ Repair or remove it.*/, '')} It is left out, as further ones of ${folder} will be: see 'skipped' of the folder.`);
    skipped.set(row, error);
  }
}

/**
 * The images of a folder with a directory for each class, which may have directories of its own: inputs [C, H, W], and the class as an int32 label. Only their paths are
 * read now; images are read and decoded when a batch needs them, on threads of libuv's, while a step runs. The order is that of the names (code units, classes first), on every file
 * system, and data.loader(folder, { shuffle: true }) shuffles all of it by seed and epoch.
 *
 *     const pets = await data.fromImageFolder('pets', { size: [32, 32], normalize: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } });
 *     const [some, others] = pets.split(0.5, { stratify: true });
 *     const batches = data.loader(some, { batchSize: 2, shuffle: true, seed: 1 });
 *     for await (const [images, classes] of batches) console.log(images.shape, classes.shape, pets.classNames);
 *     const loaded = await others.load();                                // small sets: a Dataset in memory
 *
 * PNG, JPEG, WebP, AVIF, GIF (its first frame) and TIFF (its first page), by content, not by name. Decoding is by sharp, an optional dependency: npm install sharp. Images are turned as EXIF says;
 * brought to 8-bit sRGB by their colour profile, grey, palette, 16 bits and CMYK alike (CMYK without a profile by a common one); made `size` large as `fit` and `kernel` say; put upon
 * `background` where they are transparent; with channels: 1 made grey, by luminance. For one version of sharp and one kind of CPU the bytes are always the same,
 * however many images are decoded at once.
 * Names that begin with a dot, and files without one of `extensions`, are passed over. `sharp.concurrency(1)` is set for the process, so that an image takes one thread.
 *
 * Throws here DataError, naming the path, for a folder without classes, a class without images, an image in no class, a link that leads out of the folder or round in a circle, and names that
 * differ by case only; AnnealError (ANNEAL_OPTIONAL_MISSING) without sharp, and for an unknown option; ArgumentError. Throws in the loop FileFormatError, naming the file, for an image that is
 * truncated, corrupt, of another format or of more than maxPixels, unless they are skipped; DataError for one that cannot be read, is gone, or changes while it is read. Of
 * several at fault in a batch the first is named. As torchvision.datasets.ImageFolder, which neither knows profiles nor turns images.
 */
export async function fromImageFolder<const H extends number, const W extends number, const C extends 1 | 3 = 3>(folder: FilePath, options: ImageFolderOptions<H, W, C>): Promise<ImageFolder<[C, H, W]>> {
  checkRequired(OP, options, KNOWN);
  const { onDamaged = 'error', followLinks = 'inside', extensions = EXTENSIONS, classNames, normalize } = options;
  const recipe = recipeOf(OP, options);
  checkChoice(OP, 'onDamaged', onDamaged, ['error', 'skip']);
  checkChoice(OP, 'followLinks', followLinks, ['inside', 'anywhere']);
  checkTexts('extensions', extensions, (text) => /^\../.test(text), "endings with their dot, as in ['.png']");
  if (classNames !== undefined) checkTexts('classNames', classNames, (text) => text !== '', 'the names of directories, each once');
  checkChannelNormalize(normalize, recipe.channels, OP);
  const shown = shownPath(checkPath(OP, folder)).replace(/(?<=.)[\\/]+$/, '');
  const name = nameOf(OP, options.name, basename(resolve(shown)));
  decoder();
  const list = await listImages(shown, { followLinks, classNames, extensions: extensions.map((text) => text.toLowerCase()) });
  const affine: Affine | undefined = normalize && channelAffineOf(normalize, recipe.channels, OP);
  return new ImageFolder<[C, H, W]>({
    ...list,
    name,
    folder: shown,
    shape: [recipe.channels as C, ...options.size],
    targetShape: [],
    dtype: 'float32',
    targetDtype: 'int32',
    classes: list.classNames.length,
    labels: Int32Array.from(list.files, ({ label }) => label),
    affine,
    recipe,
    normalize,
    skips: onDamaged === 'skip',
    skipped: new Map(),
  });
}

function checkTexts(option: string, texts: unknown, fine: (text: string) => boolean, expected: string): void {
  const valid = Array.isArray(texts) && texts.length > 0 && texts.every((text) => typeof text === 'string' && fine(text)) && new Set(texts).size === texts.length;
  if (!valid) throw invalid(option, describeList(texts), expected);
}

function invalid(option: string, got: string, expected: string): ArgumentError {
  return new ArgumentError(`[${OP}] ${option}: got ${got}, expected ${expected}.`, { op: OP });
}
