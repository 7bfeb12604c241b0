import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSafetensorsMetadata } from '@huggingface/hub';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensor } from 'anneal';
import { FileFormatError } from '../../src/errors.js';
import { load, loadFile, parseSafetensors, save, type HostTensor } from '../../src/io/index.js';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'anneal-io-'))));
afterAll(() => rm(directory, { recursive: true }));

/** A file of this header and data, whether or not they belong together. */
function fileOf(header: string | object, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const example: { [name: string]: HostTensor } = {
  'mask': { shape: [3], dtype: 'bool', data: Uint8Array.of(1, 0, 1) },
  '0.weight': { shape: [2, 3], dtype: 'float32', data: Float32Array.of(1, -0, NaN, Infinity, 1e-45, -2.5) },
  '0.bias': { shape: [], dtype: 'float32', data: Float32Array.of(7) },
  'steps': { shape: [1, 2], dtype: 'int32', data: Int32Array.of(-1, 2147483647) },
  'pixels': { shape: [5], dtype: 'uint8', data: Uint8Array.of(0, 1, 2, 254, 255) },
  'none': { shape: [0, 4], dtype: 'float32', data: new Float32Array(0) },
};

describe('dtypes of other libraries', () => {
  const bytesOf = (array: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);
  const read = async (dtype: string, shape: readonly number[], data: Uint8Array): Promise<HostTensor> =>
    (await parseSafetensors(fileOf({ a: { dtype, shape, data_offsets: [0, data.length] } }, data))).tensors.get('a')!;

  it.each<[string, Uint8Array, number[]]>([
    ['F64', bytesOf(Float64Array.of(0.1, -1e300, 1e-300)), [Math.fround(0.1), -Infinity, 0]],
    // Zero, the least and the largest below normal, the least normal, one, -2, the largest, infinity.
    ['F16', bytesOf(Uint16Array.of(0, 1, 0x83ff, 0x400, 0x3c00, 0xc000, 0x7bff, 0x7c00)), [0, 2 ** -24, -1023 * 2 ** -24, 2 ** -14, 1, -2, 65504, Infinity]],
    ['BF16', bytesOf(Uint16Array.of(0x3f80, 0xc049, 0xff80, 1)), [1, -3.140625, -Infinity, 2 ** -133]],
  ])('%s becomes float32', async (dtype, data, expected) => {
    expect(await read(dtype, [expected.length], data)).toEqual({ shape: [expected.length], dtype: 'float32', data: Float32Array.from(expected) });
  });

  it('NaN and minus zero stay', async () => {
    const { data: half } = await read('F16', [2], bytesOf(Uint16Array.of(0x7e01, 0x8000)));
    const { data: brain } = await read('BF16', [2], bytesOf(Uint16Array.of(0x7fc1, 0x8000)));
    expect([...half, ...brain]).toEqual([NaN, -0, NaN, -0]);
  });

  it.each<[string, Uint8Array, number[]]>([
    ['I64', bytesOf(BigInt64Array.of(-1n, 2n ** 31n - 1n, -(2n ** 31n))), [-1, 2 ** 31 - 1, -(2 ** 31)]],
    ['U64', bytesOf(BigUint64Array.of(7n)), [7]],
    ['U32', bytesOf(Uint32Array.of(7)), [7]],
    ['I16', bytesOf(Int16Array.of(-32768)), [-32768]],
    ['U16', bytesOf(Uint16Array.of(65535)), [65535]],
    ['I8', bytesOf(Int8Array.of(-128, 127)), [-128, 127]],
  ])('%s becomes int32', async (dtype, data, expected) => {
    expect(await read(dtype, [expected.length], data)).toEqual({ shape: [expected.length], dtype: 'int32', data: Int32Array.from(expected) });
  });

  it.each<[string, Uint8Array]>([['U64', bytesOf(BigUint64Array.of(2n ** 63n))], ['U32', bytesOf(Uint32Array.of(2 ** 31))]])('%s beyond int32 is refused', async (dtype, data) => {
    await expect(read(dtype, [1], data)).rejects.toThrow(FileFormatError);
  });
});

describe('save and load', () => {
  it('gives back the same tensors and metadata', async () => {
    const path = join(directory, 'same.safetensors');
    await save(example, path, { metadata: { epoch: '5', 'ä': '"' } });
    const { tensors, metadata } = await loadFile(path);
    expect(Object.fromEntries(tensors)).toEqual(example);
    expect(Object.fromEntries(metadata)).toEqual({ epoch: '5', 'ä': '"' });
    expect(await load(path)).toEqual(tensors);
  });

  it('takes maps, tensors and modules', async () => {
    const path = join(directory, 'sources.safetensors');
    const tensor = { shape: [2], dtype: 'float32' as const, data: () => Promise.resolve(Float32Array.of(1, 2)) };
    await save({ stateDict: () => new Map([['a', tensor]]) }, path);
    expect((await load(path)).get('a')).toEqual({ shape: [2], dtype: 'float32', data: Float32Array.of(1, 2) });
  });

  it('what load() gives becomes tensors, which are copies', async () => {
    const path = join(directory, 'tensors.safetensors');
    await save(example, path);
    for (const [name, values] of await load(path)) {
      const made = tensor(values);
      values.data.fill(3);
      expect([made.shape, made.dtype, await made.data()], name).toEqual([example[name]!.shape, example[name]!.dtype, example[name]!.data]);
    }
    expect(await tensor(example['0.weight']!, { shape: [3, 2] }).slice(2).array()).toEqual([[expect.closeTo(1e-45), -2.5]]);
    expect((await tensor(example['mask']!, { dtype: 'float32' }).data())).toEqual(Float32Array.of(1, 0, 1));
  });

  it('writes views of larger arrays as they are seen', async () => {
    const path = join(directory, 'view.safetensors');
    await save({ a: { shape: [2], dtype: 'float32', data: Float32Array.of(1, 2, 3, 4).subarray(1, 3) } }, path);
    expect((await load(path)).get('a')?.data).toEqual(Float32Array.of(2, 3));
  });

  it('is read by an independent parser', async () => {
    const path = join(directory, 'independent.safetensors');
    await save(example, path, { metadata: { made: 'by anneal' } });
    const bytes = await readFile(path);
    const { header, parameterCount } = await parseSafetensorsMetadata({
      repo: 'local/model',
      path: 'model.safetensors',
      computeParametersCount: true,
      fetch: serve(bytes),
    }).then((parsed) => parsed as { header: Record<string, unknown>; parameterCount: Record<string, number> });
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    for (const [name, { shape, data }] of Object.entries(example)) {
      const entry = header[name] as { shape: number[]; data_offsets: [number, number] };
      expect(entry.shape).toEqual(shape);
      const [begin, end] = entry.data_offsets;
      expect(new Uint8Array(bytes.subarray(start + begin, start + end))).toEqual(new Uint8Array(data.buffer));
      expect((start + begin) % data.BYTES_PER_ELEMENT).toBe(0);
    }
    expect(header['__metadata__']).toEqual({ made: 'by anneal' });
    expect(parameterCount).toMatchObject({ I32: 2, BOOL: 3, U8: 5 });
  });

  it('leaves the old file, and nothing else, when it fails', async () => {
    const folder = await mkdtemp(join(directory, 'atomic-'));
    const path = join(folder, 'model.safetensors');
    await save(example, path);
    const failing = { shape: [1], dtype: 'float32' as const, data: () => Promise.reject(new Error('no values')) };
    await expect(save({ failing }, path)).rejects.toThrow('no values');
    const lying = { shape: [1], dtype: 'float32' as const, data: Float32Array.of(1) };
    Object.defineProperty(lying.data, 'byteOffset', { get: () => { throw new Error('disk on fire'); } });
    await expect(save({ lying }, path)).rejects.toThrow('disk on fire');
    expect(await readdir(folder)).toEqual(['model.safetensors']);
    expect(Object.fromEntries(await load(path))).toEqual(example);
  });

  it('refuses what does not fit', async () => {
    const path = join(directory, 'never.safetensors');
    await expect(save({ a: { shape: [2], dtype: 'float32', data: Float32Array.of(1) } }, path)).rejects.toThrow(
      "[save] tensor 'a' has the shape [2], but 1 elements, expected 2.",
    );
    await expect(save({ a: { shape: [1], dtype: 'float32', data: Int32Array.of(1) } }, path)).rejects.toThrow(
      "[save] tensor 'a' is float32: got an Int32Array, expected Float32Array.",
    );
    await expect(save({}, path, { metadat: {} } as never)).rejects.toThrow('Did you mean metadata?');
    await expect(save(example, join(directory, 'no', 'such', 'folder'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a file that is not to be trusted', () => {
  const one = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
  const two = { dtype: 'F32', shape: [1], data_offsets: [4, 8] };
  const four = new Uint8Array(4);
  const eight = new Uint8Array(8);
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(0), 'it has 0 bytes, expected at least 8'],
    ['a huge header', new Uint8Array(16).fill(0xff), 'its header claims 18446744073709551615 bytes'],
    ['a zip archive of PyTorch', Buffer.from('PK\x03\x04\0\0\x08\x08 archive/data.pkl', 'latin1'), 'it is a zip archive, as torch.save() writes: write it in Python by safetensors.torch.save_file(model.state_dict(), path).'],
    ['a pickle of PyTorch', Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j', 'latin1'), 'it is a pickle, as torch.save() writes'],
    ['an HDF5 file', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), 'it is an HDF5 file, as Keras writes.'],
    ['a GGUF file', Buffer.from('GGUF\x03\0\0\0', 'latin1'), 'it is a GGUF file'],
    ['a header beyond the end', fileOf('{}').subarray(0, 9), 'its header claims 2 bytes, but only 1 follow'],
    ['no JSON', fileOf('{"a":'), 'its header is no valid JSON'],
    ['no UTF-8', fileOf('{"a":1}').fill(0xff, 10, 11), 'its header is no valid JSON'],
    ['an array', fileOf('[]'), 'its header is no JSON object'],
    ['a name twice', fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four), "the name 'a' twice"],
    ['a field twice', fileOf('{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', four), "the name 'dtype' twice"],
    ['an entry that is no object', fileOf({ a: 1 }), "tensor 'a' is not described by a JSON object"],
    ['an unknown field', fileOf({ a: { ...one, strides: [1] } }, four), "tensor 'a' has an unknown field 'strides'"],
    ['an unknown dtype', fileOf({ a: { ...one, dtype: 'F8_E4M3' } }, four), `tensor 'a' has the dtype "F8_E4M3", expected one of F32, I32, U8, BOOL, F64`],
    ['a whole number beyond int32', fileOf({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, Uint8Array.of(0, 0, 0, 128, 0, 0, 0, 0)), "tensor 'a' is I64 and holds 2147483648, which int32 does not"],
    ['a negative dimension', fileOf({ a: { ...one, shape: [-1] } }, four), "tensor 'a' has the shape [-1]"],
    ['a fraction', fileOf({ a: { ...one, shape: [0.5] } }, four), "tensor 'a' has the shape [0.5]"],
    ['an overflowing shape', fileOf({ a: { ...one, shape: [2 ** 40, 2 ** 40] } }, four), 'which is too large'],
    ['an overflow behind a 0', fileOf({ a: { ...one, shape: [0, 2 ** 40, 2 ** 40], data_offsets: [0, 0] } }), 'which is too large'],
    ['three offsets', fileOf({ a: { ...one, data_offsets: [0, 4, 8] } }, four), "tensor 'a' has the offsets [0,4,8]"],
    ['a size that disagrees', fileOf({ a: { ...one, shape: [2] } }, four), "tensor 'a' has 4 bytes, expected 8 for F32 of the shape [2]"],
    ['backward offsets', fileOf({ a: { ...one, data_offsets: [4, 0] } }, four), "tensor 'a' has -4 bytes"],
    ['missing data', fileOf({ a: one, b: two }, four), "tensor 'b' ends at byte 8 of the data, of which there are 4: the file is truncated"],
    ['an overlap', fileOf({ a: one, b: { ...one, data_offsets: [2, 6] } }, eight), "tensor 'b' begins at byte 2 of the data, inside the one before it"],
    ['a gap', fileOf({ b: two }, eight), 'bytes 0 to 4 of its data belong to no tensor'],
    ['bytes at the end', fileOf({ a: one }, eight), 'its last 4 bytes belong to no tensor'],
    ['metadata that is no text', fileOf({ __metadata__: { a: 1 } }), 'its __metadata__ holds something that is no string'],
    ['a bool of 2', fileOf({ a: { dtype: 'BOOL', shape: [1], data_offsets: [0, 1] } }, Uint8Array.of(2)), 'neither 0 nor 1'],
    ['control characters', fileOf({ 'a\u001b[31m': 1 }), "tensor 'a?[31m' is not"],
  ];

  it.each(cases)('%s', async (_, bytes, text) => {
    const failure = await parseSafetensors(bytes, 'model.safetensors').then(() => undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FileFormatError);
    expect((failure as FileFormatError).code).toBe('ANNEAL_FILE_FORMAT');
    expect((failure as FileFormatError).message).toContain('[load] model.safetensors is not a safetensors file that can be read: ');
    expect((failure as FileFormatError).message).toContain(text);
    const path = join(directory, 'hostile.safetensors');
    await writeFile(path, bytes);
    await expect(load(path)).rejects.toThrow(text);
  });

  it('accepts what only looks odd', async () => {
    const data = Uint8Array.of(0, 0, 0x80, 0x3f, 9);
    const header = `{ "__proto__": {"shape":[],"data_offsets":[0,4],"dtype":"F32"},"x\\"}":{"dtype":"U8","shape":[1],"data_offsets":[4,5]} }   `;
    const { tensors } = await parseSafetensors(fileOf(header, data));
    expect([...tensors.keys()]).toEqual(['__proto__', 'x"}']);
    expect(tensors.get('__proto__')?.data).toEqual(Float32Array.of(1));
  });

  it('survives a header of one long string', async () => {
    await expect(parseSafetensors(fileOf(`{"${'a'.repeat(20_000_000)}":0}`))).rejects.toThrow(FileFormatError);
  });

  it('fails only with FileFormatError, whatever the bytes', async () => {
    const path = join(directory, 'valid.safetensors');
    await save(example, path);
    const valid = new Uint8Array(await readFile(path));
    const mutation = fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255) });
    const mutated = fc.tuple(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.nat(valid.length)).map(([mutations, length]) => {
      const bytes = valid.slice();
      for (const { at, byte } of mutations) bytes[at] = byte;
      return length % 3 === 0 ? bytes.subarray(0, length) : bytes;
    });
    const json = fc.json().map((text) => fileOf(text));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, json, fc.uint8Array({ maxLength: 64 })), async (bytes) => {
        try {
          const { tensors } = await parseSafetensors(bytes);
          for (const { shape, data } of tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          if (!(error instanceof FileFormatError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

/** A hub that knows one file, with ranges. */
function serve(bytes: Uint8Array): typeof fetch {
  return (input, init) => {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? '');
    if (!url.includes('model.safetensors') || url.endsWith('.json')) return Promise.resolve(new Response(null, { status: 404 }));
    if (url.includes('paths-info')) return Promise.resolve(Response.json([]));
    const [first, last] = range === null ? [0, bytes.length - 1] : [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    const headers = { 'content-range': `bytes ${first}-${last}/${bytes.length}`, 'content-length': String(last - first + 1), etag: '"1"' };
    return Promise.resolve(new Response(bytes.slice(first, last + 1), { status: range === null ? 200 : 206, headers }));
  };
}
