import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkOptions } from '../options.js';
import { MODEL_TEXT } from './model-file.js';
import { openReader, wrongIn } from './open-tensors.js';
import type { FilePath } from './path.js';
import { openSource, type HostTensor } from './tensor-data.js';
import { TensorReader, type NameFilter } from './tensor-reader.js';

/** Contents of a safetensors file: its tensors by name, in the order of the file, and the texts that were saved with them. */
export interface TensorFile {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface LoadFileOptions {
  /** The tensors to read: the beginning of their names as in 'encoder', a RegExp, or a list of names. Others are not looked at. Default: all. */
  readonly names?: NameFilter | undefined;
}

/**
 * Reads a safetensors file, or the files that an index (`model.safetensors.index.json`) names, or the model of a folder: `model.safetensors`, else what that index names. Gives tensors by
 * name, with dtypes of this library. F64, F16 and BF16 become float32, which rounds the first and keeps the others; I64, U64, U32, I16, U16 and I8 become int32; openTensors() reads them as they are.
 *
 *     await model.loadStateDict(await load('mnist.safetensors'));
 *     const body = await load('mnist.safetensors', { names: '0' });            // 0.weight and 0.bias
 *
 * Throws FileFormatError for a file that is truncated, has a bad header, or whose tensors overlap, leave gaps or disagree with
 * their shapes, or that holds a whole number beyond int32; for an index that names files outside of its folder, or that its files disagree with; ArgumentError for what is no path, and names that
 * there are not; and Node.js's own error for a file that cannot be opened.
 */
export async function load(path: FilePath, options: LoadFileOptions = {}): Promise<Map<string, HostTensor>> {
  checkOptions('load', options, ['names']);
  return (await loadFile(path, options.names)).tensors;
}

/** Reads a safetensors file together with its metadata. Throws as load does. */
export async function loadFile(path: FilePath, names?: NameFilter): Promise<TensorFile> {
  return reading('load', path, (reader) => readAll(reader, names));
}

/**
 * Reads the texts that were saved with the tensors of a safetensors file, without reading the tensors. As `safe_open(path).metadata()` of
 * the format's Python library, but {} where there are none, and without what a model is made of, which loadModel() reads.
 *
 *     await save(model, 'mnist.safetensors', { metadata: { epoch: '5' } });
 *     const { epoch } = await loadMetadata('mnist.safetensors');            // '5'
 *
 * Throws as load does.
 */
export async function loadMetadata(path: FilePath): Promise<{ [name: string]: string }> {
  return reading('loadMetadata', path, (reader) => Promise.resolve(textsOf(reader)));
}

/** Texts of a file, but for that of the library's own. */
export function textsOf({ metadata }: TensorReader): { [name: string]: string } {
  return Object.fromEntries([...metadata].filter(([name]) => name !== MODEL_TEXT));
}

/** Opens files for as long as `read` needs them. */
export async function reading<R>(op: string, path: FilePath, read: (reader: TensorReader) => Promise<R>): Promise<R> {
  const reader = await openReader(op, path);
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

/** Reads all tensors, or those of these names. */
export async function readAll(reader: TensorReader, names?: NameFilter): Promise<TensorFile> {
  const tensors = new Map<string, HostTensor>();
  for (const name of reader.namesOf(names)) tensors.set(name, await reader.read(name));
  return { tensors, metadata: reader.metadata };
}

/** Parses a safetensors file that is in memory. Rejects as load does; `name` stands in messages. */
export async function parseSafetensors(bytes: Uint8Array, name = 'the safetensors data'): Promise<TensorFile> {
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError(`[load] bytes: got ${describeValue(bytes)}, expected a Uint8Array. Read them: await readFile(path).`, { op: 'load' });
  const source = { size: bytes.length, read: (into: Uint8Array, position: number) => into.set(bytes.subarray(position, position + into.length)) };
  return readAll(new TensorReader('load', [await openSource(source, wrongIn('load', name))], () => Promise.resolve()));
}
