import { basename } from 'node:path';
import { DataError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { checkOptions } from '../options.js';
import { type Shape, showShape, sizeOf } from '../shape.js';
import { Dataset } from './dataset.js';
import { checkExampleShape } from './example-shape.js';
import { checkClasses, nameOf, toClasses } from './examples.js';
import { examine, readPieces } from './file-pieces.js';
import { IdxParser, type IdxArray, type IdxNumbers, rounded } from './idx.js';
import { affineOf, checkColumns, checkNormalize, type Normalize, normalizeInto } from './normalize.js';

const OP = 'data.fromIdx';

/**
 * Reads an IDX file, packed by gzip or not: its first bytes tell, whatever its name. The elements are read straight into their array.
 * Throws FileFormatError for a truncated, overlong or malformed file, with nothing behind it read or allocated, and Node.js's own error for one that cannot be opened.
 *
 *     const images = await data.readIdx('train-images-idx3-ubyte.gz');
 *     console.log(images.shape, images.dtype, images.data.length);
 */
export async function readIdx(path: FilePath): Promise<IdxArray> {
  return rounded(await read(checkPath('data.readIdx', path)));
}

async function read(path: string | Buffer): Promise<IdxNumbers> {
  const file = await examine(path);
  const parser = new IdxParser(shownPath(path), file.available);
  await readPieces('readIdx', file, (piece) => parser.write(piece));
  return parser.end();
}

export interface IdxOptions<X extends Shape> {
  /** The shape of one example where it is to differ from the file's, as in [784] for images of 28 by 28. */
  readonly shape?: X | undefined;
  /** x' = (x / 255 - mean) / std for bytes, x' = (x - mean) / std for others, in double precision: only x' is rounded to float32. Without it values are cast and left as they are. */
  readonly normalize?: Normalize | undefined;
  /** The number of classes; given, every label is checked now. */
  readonly classes?: number | undefined;
  /** Stands in messages. Default: the name of the file of images. */
  readonly name?: string | undefined;
}

/**
 * A dataset from two IDX files, the format of MNIST and its kin, each packed by gzip or not: images and one label each. Bytes stay bytes in memory.
 *
 *     const train = await data.fromIdx('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', {
 *       shape: [784], normalize: { mean: 0.1307, std: 0.3081 } });
 *
 * Throws FileFormatError as readIdx does, DataError where the two files or the shape do not fit together.
 */
export async function fromIdx<const X extends Shape = number[]>(images: FilePath, labels: FilePath, options: IdxOptions<X> = {}): Promise<Dataset<[...X], [], 'int32', 'float32'>> {
  checkOptions(OP, options, ['shape', 'normalize', 'classes', 'name']);
  checkNormalize(options.normalize, OP);
  if (options.shape !== undefined) checkExampleShape(OP, 'shape', options.shape);
  const [imagesAt, labelsAt] = [checkPath(OP, images), checkPath(OP, labels)];
  const [x, y] = [await read(imagesAt), await read(labelsAt)];
  const [imagesName, labelsName] = [shownPath(imagesAt), shownPath(labelsAt)];
  const name = nameOf(OP, options.name, basename(imagesName));
  const [size, ...found] = x.shape as [number, ...number[]];
  if (y.shape.length !== 1 || y.dtype === 'float32') {
    throw new DataError(`[${OP}] ${labelsName} holds ${y.dtype} of the shape ${showShape(y.shape)}, expected one integer label an example. Check the order of the two paths.`, { op: OP });
  }
  if (size !== y.shape[0]) {
    throw new DataError(`[${OP}] ${imagesName} holds ${size} examples, but ${labelsName} ${y.shape[0]} labels, expected as many. Take two files that belong together.`, { op: OP });
  }
  const shape: Shape = options.shape ?? found;
  if (sizeOf(shape) !== sizeOf(found)) {
    throw new DataError(`[${OP}] ${imagesName} holds examples of ${showShape(found)}, which do not fit the shape ${showShape(shape)}. Correct shape, or leave it out.`, {
      op: OP,
      shapes: [found, shape],
    });
  }
  checkColumns(options.normalize, shape, OP, `dataset '${name}'`);
  const inputs = x.data instanceof Uint8Array ? x.data : new Float32Array(x.data);
  if (!(x.data instanceof Uint8Array) && options.normalize !== undefined) normalizeInto(inputs as Float32Array, x.data, options.normalize);
  const targets = toClasses(y.data, { of: `dataset '${name}'`, first: 0 }, OP);
  if (options.classes !== undefined) checkClasses(targets, options.classes, { of: `dataset '${name}'`, first: 0 }, OP);
  return new Dataset<[...X], [], 'int32', 'float32'>({
    name,
    shape: [...shape] as [...X],
    targetShape: [],
    dtype: 'float32',
    targetDtype: 'int32',
    classes: options.classes,
    inputs: [{ name: undefined, data: inputs, shape, affine: options.normalize && inputs instanceof Uint8Array ? affineOf(options.normalize, OP) : undefined }],
    targets: [{ name: undefined, data: targets, shape: [] }],
    size,
  });
}
