import { basename } from 'node:path';
import { ArgumentError, DataError, FileFormatError } from '../errors.js';
import { describeList, describeValue } from '../describe-value.js';
import { engine } from '../graph/engine.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { allocate } from '../numeric-array.js';
import { checkChoice, checkOptions } from '../options.js';
import { Dataset } from './dataset.js';
import { nameOf } from './examples.js';
import { examine, type ExaminedFile, readPieces } from './file-pieces.js';
import { channelAffineOf, type ChannelNormalize, checkChannelNormalize } from './normalize.js';

const OP = 'data.fromCifar';
const SHAPE = [3, 32, 32] as const;
const PIXELS = 3 * 32 * 32;
/** More bytes than this do not fit into one tensor. */
const MAX_BYTES = 2 ** 31 - 1;

/** The labels in front of each image: their bytes, which of them is taken, and its classes. */
interface Layout {
  readonly labels: number;
  readonly at: number;
  readonly classes: number;
}

const CIFAR10: Layout = { labels: 1, at: 0, classes: 10 };
/** By what `labels` says; the coarse label comes first. */
const CIFAR100: Readonly<Record<'coarse' | 'fine', Layout>> = { coarse: { labels: 2, at: 0, classes: 20 }, fine: { labels: 2, at: 1, classes: 100 } };

export interface CifarOptions {
  /** Labels of CIFAR-100 to take: of its 100 classes ('fine') or of its 20 superclasses ('coarse'). Left out for CIFAR-10, which has one label an image. */
  readonly labels?: 'fine' | 'coarse' | undefined;
  /** x' = (x / 255 - mean) / std, by one number each, or one for each of red, green and blue. Without it values are cast and left as they are. */
  readonly normalize?: ChannelNormalize | undefined;
  /** Stands in messages. Default: the name of the first file. */
  readonly name?: string | undefined;
}

/**
 * A dataset from CIFAR's binary files, packed by gzip or not, in the order in which they are given: images [3, 32, 32], red, green and blue, and one label
 * each, of 10 classes, or with `labels` of the 100 or 20 of CIFAR-100. Bytes stay bytes in memory.
 *
 *     const train = await data.fromCifar(['data_batch_1.bin', 'data_batch_2.bin.gz'], {
 *       normalize: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] } });
 *
 * The format is that of the "binary version" on cs.toronto.edu/~kriz/cifar.html. Throws FileFormatError, naming the file, for one whose size is no whole number of
 * examples, for a label that is no class, and for damaged gzip; Node.js's own error for a file that cannot be opened; ArgumentError, and AnnealError for an
 * unknown option.
 */
export async function fromCifar(files: readonly FilePath[], options: CifarOptions = {}): Promise<Dataset<[3, 32, 32], [], 'int32', 'float32'>> {
  checkOptions(OP, options, ['labels', 'normalize', 'name']);
  checkChannelNormalize(options.normalize, SHAPE[0], OP);
  if (options.labels !== undefined) checkChoice(OP, 'labels', options.labels, ['fine', 'coarse']);
  if (!Array.isArray(files) || files.length === 0) {
    throw new ArgumentError(`[${OP}] files: got ${Array.isArray(files) ? describeList(files) : describeValue(files)}, expected at least one path in an array, as in data.fromCifar(['data_batch_1.bin']).`, { op: OP });
  }
  const paths = files.map((path) => checkPath(OP, path));
  const name = nameOf(OP, options.name, basename(shownPath(paths[0]!)));
  const layout = options.labels === undefined ? CIFAR10 : CIFAR100[options.labels];
  const examined = [];
  for (const path of paths) examined.push(await examine(path));
  const counts = examined.map((file) => countOf(file, layout));
  const size = counts.reduce((sum, count) => sum + count, 0);
  if (size * PIXELS > MAX_BYTES) throw new DataError(`[${OP}] the files hold ${size} examples, expected at most ${Math.floor(MAX_BYTES / PIXELS)} in one dataset. Read some of the files.`, { op: OP });
  const images = allocate(OP, `the images of dataset '${name}'`, size * PIXELS, () => new Uint8Array(engine().memory(size * PIXELS)));
  const labels = new Int32Array(size);
  let first = 0;
  for (const [i, file] of examined.entries()) {
    const end = first + counts[i]!;
    await readExamples(file, layout, images.subarray(first * PIXELS, end * PIXELS), labels.subarray(first, end));
    first = end;
  }
  const affine = options.normalize && channelAffineOf(options.normalize, SHAPE[0], OP);
  return new Dataset<[3, 32, 32], [], 'int32', 'float32'>({
    name,
    shape: [...SHAPE],
    targetShape: [],
    dtype: 'float32',
    targetDtype: 'int32',
    classes: layout.classes,
    inputs: [{ name: undefined, data: images, shape: SHAPE, affine }],
    targets: [{ name: undefined, data: labels, shape: [] }],
    size,
  });
}

/** The examples of a file, by its size or by what gzip's trailer claims, before anything is read or allocated. */
function countOf({ path, packed, available, claimed }: ExaminedFile, { labels }: Layout): number {
  const record = labels + PIXELS;
  if (claimed > 0 && claimed % record === 0 && claimed <= available) return claimed / record;
  const [got, other] = [`${claimed} bytes${packed ? ' of gzip content' : ''}`, labels === 1 ? 2 : 1];
  if (claimed > available) throw wrong(path, `its gzip trailer claims ${got}, more than ${available}, which it can hold at most. Download or copy it again`);
  const advice = claimed > 0 && claimed % (other + PIXELS) === 0 ? (other === 2 ? "It may be of CIFAR-100: give { labels: 'fine' }" : 'It may be of CIFAR-10: leave labels out') : 'Download or copy it again';
  throw wrong(path, `got ${got}, expected a multiple of ${record}: ${labels} bytes of labels and ${PIXELS} of pixels an example. ${advice}`);
}

/** Reads the examples of a file into their places. */
async function readExamples(file: ExaminedFile, { labels: width, at, classes }: Layout, images: Uint8Array, labels: Int32Array): Promise<void> {
  const record = width + PIXELS;
  const total = labels.length * record;
  let position = 0;
  await readPieces(OP, file, (piece) => {
    if (position + piece.length > total) throw wrong(file.path, `it is longer than the ${total} bytes that ${file.packed ? 'its gzip trailer claims' : 'it had when it was opened'}. Copy it again, unpacked`);
    for (let i = 0; i < piece.length; ) {
      const [example, within] = [Math.floor(position / record), position % record];
      const count = within < width ? 1 : Math.min(record - within, piece.length - i);
      if (within >= width) images.set(piece.subarray(i, i + count), example * PIXELS + within - width);
      else if (within === at) labels[example] = labelOf(file, piece[i]!, example, classes);
      i += count;
      position += count;
    }
  });
  if (position < total) throw wrong(file.path, `it is truncated: got ${position} bytes, expected ${total}. Download or copy it again`);
}

function labelOf({ path }: ExaminedFile, label: number, example: number, classes: number): number {
  if (label < classes) return label;
  throw wrong(path, `the label of its example ${example} is ${label}, expected a class in [0, ${classes}). Check that it is a binary file of CIFAR-${classes === 10 ? 10 : 100}`);
}

function wrong(path: string | Buffer, what: string): FileFormatError {
  return new FileFormatError(`[${OP}] ${shownPath(path)} cannot be read: ${what}.`, { op: OP });
}
