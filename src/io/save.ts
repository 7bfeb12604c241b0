import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { checkPath } from './check-path.js';
import { checkTexts, collect, writeTensors } from './encode.js';
import type { FilePath } from './path.js';
import type { Stateful, TensorsByName } from './savable.js';
import { writeShards } from './save-shards.js';

export interface SaveOptions {
  /** Texts that are stored with the tensors; loadMetadata() reads them. */
  readonly metadata?: { readonly [name: string]: string } | undefined;
  /**
   * Makes `path` a folder, and in it files of at most so many bytes of tensors each, with an index as the Hugging Face Hub has them (`model.safetensors.index.json`), or one file, `model.safetensors`, where that
   * is enough. A tensor that is larger has a file to itself.
   */
  readonly maxShardBytes?: number | undefined;
}

/**
 * Saves a model's parameters and buffers, or tensors by name, as a safetensors file
 * (https://huggingface.co/docs/safetensors: 8 bytes of header length, a JSON header, the elements row-major, little-endian).
 * The file appears whole or not at all: a crash leaves the old one, and what it left beside that goes with the next save. An existing file
 * keeps its permissions and owner, and stays where symbolic links lead; devices and pipes are written to. Of a folder of shards the same holds for all of them together.
 *
 *     await save(model, 'mnist.safetensors', { metadata: { epoch: '5' } });
 *     await save(model, 'mnist', { maxShardBytes: 5e9 });                      // a folder
 *
 * Throws ArgumentError for what holds no tensors or is no path, ShapeError or DTypeError for a tensor whose array does not fit it, and
 * Node.js's own error where the file cannot be written.
 */
export async function save(source: Stateful | TensorsByName, path: FilePath, options: SaveOptions = {}): Promise<void> {
  checkOptions('save', options, ['metadata', 'maxShardBytes']);
  const to = checkPath('save', path);
  const { maxShardBytes } = options;
  const metadata = options.metadata === undefined ? undefined : checkTexts(options.metadata);
  if (maxShardBytes !== undefined && !(Number.isSafeInteger(maxShardBytes) && maxShardBytes >= 1)) {
    throw new ArgumentError(`[save] maxShardBytes: got ${describeValue(maxShardBytes)}, expected a whole number of bytes, as in 5e9.`, { op: 'save' });
  }
  const tensors = await collect(source);
  await (maxShardBytes === undefined ? writeTensors(to, tensors, metadata) : writeShards(to, tensors, metadata, maxShardBytes));
}
