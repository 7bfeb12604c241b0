import { dtypes, type DType } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { checkAttached } from '../numeric-array.js';
import { checkOptions } from '../options.js';
import { type Shape, showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { writeAll, writeAtomically } from './atomic.js';
import { checkPath } from './check-path.js';
import { CODES } from './file-dtypes.js';
import type { HostTensor } from './load.js';
import type { FilePath } from './path.js';

/** Anything with a shape, a dtype and elements: a HostTensor, or a Tensor, whose elements are computed now. */
export interface Savable {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: HostTensor['data'] | (() => Promise<HostTensor['data']>);
}

export type TensorsByName = ReadonlyMap<string, Savable> | { readonly [name: string]: Savable };

/** A module, or whatever else can say what it consists of. */
export interface Stateful {
  stateDict(): TensorsByName | Promise<TensorsByName>;
}

export interface SaveOptions {
  /** Texts that are stored with the tensors; loadMetadata() reads them. */
  readonly metadata?: { readonly [name: string]: string } | undefined;
}

/**
 * Saves a model's parameters and buffers, or tensors by name, as a safetensors file
 * (https://huggingface.co/docs/safetensors: 8 bytes of header length, a JSON header, the elements row-major, little-endian).
 * The file appears whole or not at all: a crash leaves the old one, and what it left beside that goes with the next save. An existing file
 * keeps its permissions and owner, and stays where symbolic links lead; devices and pipes are written to.
 *
 *     await save(model, 'mnist.safetensors', { metadata: { epoch: '5' } });
 *
 * Throws ArgumentError for what holds no tensors or is no path, ShapeError or DTypeError for a tensor whose array does not fit it, and
 * Node.js's own error where the file cannot be written.
 */
export async function save(source: Stateful | TensorsByName, path: FilePath, options: SaveOptions = {}): Promise<void> {
  checkOptions('save', options, ['metadata']);
  const to = checkPath('save', path);
  const tensors = await collect(source);
  const header = encodeHeader(tensors, options.metadata);
  await writeAtomically(to, async (file) => {
    await writeAll(file, header);
    for (const { data } of tensors) await writeAll(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

type Named = HostTensor & { readonly name: string };

/** All tensors with their elements, widest dtype first, so that each is aligned in the file. */
async function collect(source: Stateful | TensorsByName): Promise<Named[]> {
  const state: unknown = isStateful(source) ? await source.stateDict() : source;
  if (!(state instanceof Map) && !isRecord(state)) throw new ArgumentError(`[save] source: got ${describeValue(source)}, expected a model, a trainer, an optimizer, or tensors by name. Pass the model itself.`, { op: 'save' });
  const pairs = (state instanceof Map ? [...state] : Object.entries(state)) as [string, Savable][];
  const named = await Promise.all(pairs.map(([name, tensor]) => host(name, tensor)));
  return named.sort((a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || (a.name < b.name ? -1 : 1));
}

async function host(name: string, tensor: Savable): Promise<Named> {
  if (typeof name !== 'string' || typeof tensor !== 'object' || tensor === null || typeof tensor.dtype !== 'string' || !Object.hasOwn(CODES, tensor.dtype) || !isShape(tensor.shape)) {
    throw new ArgumentError(`[save] tensor '${String(name)}': got ${describeValue(tensor)}, expected a tensor, or an object { shape, dtype, data }. Make one: tensor(values).`, { op: 'save' });
  }
  if (name === '__metadata__') throw new ArgumentError(`[save] a tensor is called __metadata__, a name that the format keeps for itself. Call it something else.`, { op: 'save' });
  const { shape, dtype } = tensor;
  const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
  if (!(data instanceof dtypes[dtype].array)) {
    throw new DTypeError(`[save] tensor '${name}' is ${dtype}: got ${describeValue(data)}, expected ${dtypes[dtype].array.name}. Convert its data.`, { op: 'save' });
  }
  checkAttached('save', `tensor '${name}'`, data);
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(`[save] tensor '${name}' has the shape ${showShape(shape)}, but ${data.length} elements, expected ${sizeOf(shape)}. Correct its shape.`, {
      op: 'save',
      shapes: [shape],
    });
  }
  return { name, shape, dtype, data };
}

function encodeHeader(tensors: readonly Named[], metadata: SaveOptions['metadata']): Uint8Array {
  const entries: [string, unknown][] = metadata === undefined ? [] : [['__metadata__', checkTexts(metadata)]];
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    entries.push([name, { dtype: CODES[dtype], shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

function checkTexts(metadata: object): object {
  if (!isRecord(metadata)) throw new ArgumentError(`[save] metadata: got ${describeValue(metadata)}, expected texts by name, as in { epoch: '5' }.`, { op: 'save' });
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== 'string') throw new ArgumentError(`[save] metadata.${name}: got ${describeValue(text)}, expected a string. Convert it, as in String(value).`, { op: 'save' });
  }
  return metadata;
}

function isStateful(source: unknown): source is Stateful {
  return typeof source === 'object' && source !== null && typeof (source as Partial<Stateful>).stateDict === 'function';
}

function isShape(value: unknown): boolean {
  return Array.isArray(value) && value.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
}

/** Returns whether it is an object of no class. */
function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
