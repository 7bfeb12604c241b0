import { describeValue } from '../describe-value.js';
import { dtypes } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { checkAttached } from '../numeric-array.js';
import { showShape, sizeOf } from '../shape.js';
import { writeAll, writeAtomically } from './atomic.js';
import { CODES } from './file-dtypes.js';
import type { Savable, Stateful, TensorsByName } from './savable.js';
import type { HostTensor } from './tensor-data.js';

export type NamedTensor = HostTensor & { readonly name: string };

/** Texts by name. */
export type Texts = { readonly [name: string]: string };

/** All tensors with their elements, widest dtype first, so that each is aligned in the file. */
export async function collect(source: Stateful | TensorsByName): Promise<NamedTensor[]> {
  const state: unknown = isStateful(source) ? await source.stateDict() : source;
  if (!(state instanceof Map) && !isRecord(state)) throw new ArgumentError(`[save] source: got ${describeValue(source)}, expected a model, a trainer, an optimizer, or tensors by name. Pass the model itself.`, { op: 'save' });
  const pairs = (state instanceof Map ? [...state] : Object.entries(state)) as [string, Savable][];
  const named = await Promise.all(pairs.map(([name, tensor]) => host(name, tensor)));
  return named.sort((a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || (a.name < b.name ? -1 : 1));
}

async function host(name: string, tensor: Savable): Promise<NamedTensor> {
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

/** Writes tensors as one safetensors file, which appears whole or not at all. */
export async function writeTensors(path: string | Buffer, tensors: readonly NamedTensor[], metadata: Texts | undefined): Promise<void> {
  const header = encodeHeader(tensors, metadata);
  await writeAtomically(path, async (file) => {
    await writeAll(file, header);
    for (const { data } of tensors) await writeAll(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

function encodeHeader(tensors: readonly NamedTensor[], metadata: Texts | undefined): Uint8Array {
  const entries: [string, unknown][] = metadata === undefined ? [] : [['__metadata__', metadata]];
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

/** Throws ArgumentError for metadata that are no texts by name. */
export function checkTexts(metadata: unknown): Texts {
  if (!isRecord(metadata)) throw new ArgumentError(`[save] metadata: got ${describeValue(metadata)}, expected texts by name, as in { epoch: '5' }.`, { op: 'save' });
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== 'string') throw new ArgumentError(`[save] metadata.${name}: got ${describeValue(text)}, expected a string. Convert it, as in String(value).`, { op: 'save' });
  }
  return metadata as Texts;
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
