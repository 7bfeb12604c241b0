// Models in several files, and files that are read a tensor at a time.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSafetensorsMetadata } from '@huggingface/hub';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nn, openTensors, save, load, loadMetadata } from 'anneal';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'anneal-shards-'))));
afterAll(() => rm(root, { recursive: true }));

const folder = (): Promise<string> => mkdtemp(join(root, 'case-'));
const INDEX = 'model.safetensors.index.json';
/** Tensors of 8 bytes each. */
const pairs = (...names: string[]) => Object.fromEntries(names.map((name, i) => [name, { shape: [2], dtype: 'float32' as const, data: Float32Array.of(i, i + 0.5) }]));
const abc = pairs('a', 'b', 'c');
interface Index {
  metadata?: { total_size: unknown };
  weight_map: Record<string, unknown>;
}
const indexIn = async (at: string): Promise<Index> => JSON.parse(await readFile(join(at, INDEX), 'utf8')) as Index;

describe('save with maxShardBytes', () => {
  it('makes shards and their index, which load, loadMetadata and a folder give back whole', async () => {
    const at = join(await folder(), 'new', 'model');
    await save(abc, at, { maxShardBytes: 16, metadata: { epoch: '5' } });
    expect((await readdir(at)).toSorted()).toEqual(['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', INDEX]);
    expect(await indexIn(at)).toEqual({ metadata: { total_size: 24 }, weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00001-of-00002.safetensors', c: 'model-00002-of-00002.safetensors' } });
    for (const path of [at, join(at, INDEX)]) {
      expect(Object.fromEntries(await load(path))).toEqual(abc);
      expect(await loadMetadata(path)).toEqual({ epoch: '5' });
    }
    expect(Object.keys(Object.fromEntries(await load(join(at, 'model-00002-of-00002.safetensors'))))).toEqual(['c']);
  });

  it('gives a tensor that is larger a file to itself, and one file to what fits', async () => {
    const at = await folder();
    await save({ ...abc, large: { shape: [9], dtype: 'float32', data: new Float32Array(9) } }, at, { maxShardBytes: 20 });
    expect(new Set(Object.values((await indexIn(at)).weight_map)).size).toBe(3);
    await save(abc, at, { maxShardBytes: 24 });
    expect(await readdir(at)).toEqual(['model.safetensors']);
    expect(Object.fromEntries(await load(at))).toEqual(abc);
    await save({}, at, { maxShardBytes: 1 });
    expect(await load(at)).toEqual(new Map());
  });

  it('replaces a model as a whole: the old shards are there until the new index is', async () => {
    const at = await folder();
    await writeFile(join(at, 'config.json'), '{}');
    await save(abc, at, { maxShardBytes: 8 });
    const before = await readdir(at);
    await save(pairs('x', 'y', 'z'), at, { maxShardBytes: 8 });
    const after = await readdir(at);
    expect(after).toHaveLength(before.length);
    expect(after.filter((name) => before.includes(name)).toSorted()).toEqual(['config.json', INDEX].toSorted());
    expect([...(await load(at)).keys()].toSorted()).toEqual(['x', 'y', 'z']);
  });

  it('leaves the old model, and nothing else, when it fails', async () => {
    const at = await folder();
    await save(abc, at, { maxShardBytes: 8 });
    const before = await readdir(at);
    const bad = { shape: [1], dtype: 'float32' as const, data: Float32Array.of(1) };
    Object.defineProperty(bad.data, 'byteOffset', { get: () => { throw new Error('disk on fire'); } });
    await expect(save({ ...pairs('x', 'y'), z: bad }, at, { maxShardBytes: 8 })).rejects.toThrow('disk on fire');
    expect(await readdir(at)).toEqual(before);
    expect(Object.fromEntries(await load(at))).toEqual(abc);
  });

  it('is a model that another program reads by its index', async () => {
    const at = await folder();
    const model = nn.sequential([4], nn.linear(4, 8), nn.linear(8, 2));
    await save(model, at, { maxShardBytes: 128 });
    const files = new Map(await Promise.all((await readdir(at)).map(async (name) => [name, await readFile(join(at, name))] as const)));
    const parsed = await parseSafetensorsMetadata({ repo: 'local/model', path: INDEX, computeParametersCount: true, fetch: hub(files) });
    expect(parsed).toMatchObject({ sharded: true, parameterCount: { F32: 4 * 8 + 8 + 8 * 2 + 2 } });
    expect((parsed as unknown as { index: unknown }).index).toEqual(await indexIn(at));
  });

  it.each([[0], [-1], [1.5], ['5GB'], [null]])('refuses the size %s', async (maxShardBytes) => {
    await expect(save(abc, join(root, 'never'), { maxShardBytes: maxShardBytes as never })).rejects.toThrow(/^\[save\] maxShardBytes: got .*, expected a whole number of bytes, as in 5e9\.$/);
  });
});

describe('an index that is not to be trusted', () => {
  async function broken(change: (index: Index) => unknown): Promise<string> {
    const at = await folder();
    await save(abc, at, { maxShardBytes: 16 });
    const index = await indexIn(at);
    const changed = change(index) ?? index;
    await writeFile(join(at, INDEX), typeof changed === 'string' ? changed : JSON.stringify(changed));
    return at;
  }
  const [FIRST, SECOND] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];

  it.each<[string, (index: Index) => unknown, string]>([
    ['a path above', ({ weight_map }) => void (weight_map['c'] = `../${SECOND}`), `tensor 'c' is in "../${SECOND}", expected the name of a file beside the index`],
    ['an absolute path', ({ weight_map }) => void (weight_map['c'] = '/etc/passwd'), `tensor 'c' is in "/etc/passwd", expected the name of a file beside the index`],
    ['a path of Windows', ({ weight_map }) => void (weight_map['c'] = 'C:\\x'), 'expected the name of a file beside the index'],
    ['the folder itself', ({ weight_map }) => void (weight_map['c'] = '.'), 'expected the name of a file beside the index'],
    ['a null character', ({ weight_map }) => void (weight_map['c'] = 'a\0'), 'expected the name of a file beside the index'],
    ['a number', ({ weight_map }) => void (weight_map['c'] = 5), `tensor 'c' is in 5, expected the name of a file beside the index`],
    ['a missing shard', ({ weight_map }) => void (weight_map['c'] = 'gone.safetensors'), `it names the file 'gone.safetensors', which is not there`],
    ['a tensor too many', ({ weight_map }) => void (weight_map['d'] = SECOND), `it has the tensor 'd' in '${SECOND}', which lacks it`],
    ['a tensor too few', ({ weight_map }) => void delete weight_map['b'], `'${FIRST}' holds the tensor 'b', which it does not name`],
    ['a tensor elsewhere', ({ weight_map }) => void (weight_map['b'] = SECOND), `'${FIRST}' holds the tensor 'b', which it has in '${SECOND}'`],
    ['a wrong total', ({ metadata }) => void (metadata!.total_size = 25), 'its total_size is 25 bytes, but the tensors have 24'],
    ['a total that is none', ({ metadata }) => void (metadata!.total_size = '24'), 'its total_size is "24", expected a number of bytes'],
    ['a name twice', () => `{"weight_map":{"a":"${FIRST}","b":"${FIRST}","c":"${SECOND}","a":"${SECOND}"}}`, `it has the name 'a' twice`],
    ['no map', () => ({ metadata: {} }), 'its weight_map is no JSON object'],
    ['no JSON', () => '{', 'it is no valid JSON'],
    ['another kind of JSON', () => '[]', 'it is no JSON object'],
    ['a prototype', () => `{"weight_map":{"__proto__":"${FIRST}"}}`, `'${FIRST}' holds the tensor 'a', which it does not name`],
  ])('%s', async (_, change, text) => {
    const at = await broken(change);
    const failure = await load(at).then(() => undefined, (error: unknown) => error as Error & { code: string });
    expect(failure?.message).toContain(text);
    expect(failure).toMatchObject({ code: 'ANNEAL_FILE_FORMAT', message: expect.stringMatching(/^\[load\] .*model\.safetensors\.index\.json is not an index of safetensors files that can be read: .*\. Check the path, or copy the file again\.$/) });
  });

  it('without a total is read; a shard that is damaged is named', async () => {
    const at = await broken((index) => void delete index.metadata);
    expect(Object.fromEntries(await load(at))).toEqual(abc);
    await writeFile(join(at, SECOND), 'x');
    await expect(load(at)).rejects.toThrow(/\[load\] .*model-00002-of-00002\.safetensors is not a safetensors file that can be read: it has 1 bytes/);
  });

  it.skipIf(process.platform === 'win32')("follows links, of which the Hub's cache is made", async () => {
    const at = await broken(() => undefined);
    const snapshot = await folder();
    for (const name of await readdir(at)) await symlink(join(at, name), join(snapshot, name));
    expect(Object.fromEntries(await load(snapshot))).toEqual(abc);
  });

  it('one file counts before it, as in the libraries of the Hub; a folder without either is an error', async () => {
    const at = await broken(() => '{');
    await save(pairs('z'), join(at, 'model.safetensors'));
    expect([...(await load(at)).keys()]).toEqual(['z']);
    await expect(load(await folder())).rejects.toMatchObject({ code: 'ENOENT', path: expect.stringContaining('model.safetensors') as unknown });
  });
});

describe('openTensors', () => {
  const bytes = (array: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);
  /** Written by hand, as PyTorch's library does it. */
  async function foreign(): Promise<string> {
    const path = join(await folder(), 'foreign.safetensors');
    const data = [bytes(Float64Array.of(0.1)), bytes(BigInt64Array.of(2n ** 40n)), bytes(Uint16Array.of(0x3f80)), bytes(Uint16Array.of(0x3c00)), Uint8Array.of(2)];
    let at = 0;
    const entry = (dtype: string, i: number) => ({ dtype, shape: [1], data_offsets: [at, (at += data[i]!.length)] });
    const header = Buffer.from(JSON.stringify({ '__metadata__': { format: 'pt' }, 'wide': entry('F64', 0), 'count.far': entry('I64', 1), 'brain': entry('BF16', 2), 'half': entry('F16', 3), 'mask': entry('BOOL', 4) }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(path, Buffer.concat([length, header, ...data]));
    return path;
  }

  it('says what there is without reading it, and reads one at a time', async () => {
    const file = await openTensors(await foreign());
    expect(Object.fromEntries(file.metadata)).toEqual({ format: 'pt' });
    expect(file.tensors.get('brain')).toEqual({ shape: [1], dtype: 'float32', stored: 'BF16', bytes: 2 });
    expect([...file.tensors.keys()]).toEqual(['wide', 'count.far', 'brain', 'half', 'mask']);
    expect(await file.read('brain')).toEqual({ shape: [1], dtype: 'float32', data: Float32Array.of(1) });
    // What cannot be read is no matter to what can.
    await expect(file.read('count.far')).rejects.toThrow("tensor 'count.far' is I64 and holds 1099511627776, which int32 does not");
    await expect(file.read('mask')).rejects.toThrow('neither 0 nor 1');
    await file.close();
    await file.close();
  });

  it('keeps the dtype of the file where it is asked to', async () => {
    await using file = await openTensors(await foreign());
    expect(await file.readStored('wide')).toEqual({ shape: [1], stored: 'F64', data: Float64Array.of(0.1) });
    expect(await file.readStored('count.far')).toEqual({ shape: [1], stored: 'I64', data: BigInt64Array.of(2n ** 40n) });
    expect(await file.readStored('brain')).toEqual({ shape: [1], stored: 'BF16', data: Uint16Array.of(0x3f80) });
    expect(await file.readStored('half')).toEqual({ shape: [1], stored: 'F16', data: Uint16Array.of(0x3c00) });
  });

  it('has errors for what is not there, and after close()', async () => {
    const file = await openTensors(await foreign());
    await expect(file.read('brian')).rejects.toThrow("[openTensors] there is no such tensor: got 'brian', expected one of 5 names. Did you mean 'brain'? tensors.keys() has all.");
    await expect(file.read(5 as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    await file.close();
    await expect(file.read('brain')).rejects.toMatchObject({ code: 'ANNEAL_DISPOSED', message: '[openTensors] the reader is closed: got read(), expected it before close(). Open the file again.' });
  });

  it('leaves no file open when it fails', async () => {
    const at = await folder();
    await save(abc, at, { maxShardBytes: 8 });
    await rm(join(at, 'model-00003-of-00003.safetensors'));
    const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    if (process.platform !== 'linux') return;
    const before = await open();
    for (let i = 0; i < 5; i++) await expect(openTensors(at)).rejects.toMatchObject({ code: 'ANNEAL_FILE_FORMAT' });
    expect(await open()).toBe(before);
  });

  it('reads on from a model that is replaced meanwhile', async () => {
    const at = await folder();
    await save(abc, at, { maxShardBytes: 8 });
    await using file = await openTensors(at);
    await save(pairs('x', 'y'), at, { maxShardBytes: 8 });
    expect(await file.read('c')).toEqual(abc['c']);
  });
});

describe('load by names', () => {
  it('reads what is asked for', async () => {
    const path = join(await folder(), 'model.safetensors');
    await save(pairs('body.0', 'body.1', 'bodywork', 'head'), path);
    const names = async (filter: Parameters<typeof load>[1]): Promise<string[]> => [...(await load(path, filter)).keys()];
    expect(await names({ names: 'body' })).toEqual(['body.0', 'body.1']);
    expect(await names({ names: 'head' })).toEqual(['head']);
    expect(await names({ names: /^body/ })).toEqual(['body.0', 'body.1', 'bodywork']);
    expect(await names({ names: ['head', 'body.1'] })).toEqual(['head', 'body.1']);
    expect(await names({})).toHaveLength(4);
    await expect(load(path, { names: 'heat' })).rejects.toThrow("[load] names: got 'heat', which picks none of the 4 tensors. Did you mean 'head'?");
    await expect(load(path, { names: /^x/ })).rejects.toThrow('[load] names: got /^x/, which picks none of the 4 tensors.');
    await expect(load(path, { names: ['heat'] })).rejects.toThrow("[load] there is no such tensor: got 'heat', expected one of 4 names. Did you mean 'head'? tensors.keys() has all.");
    await expect(load(path, { names: 5 as never })).rejects.toThrow("[load] names: got 5, expected a name, the beginning of names as in 'encoder', a RegExp, or a list of names.");
    await expect(load(path, { name: 'head' } as never)).rejects.toMatchObject({ code: 'ANNEAL_UNKNOWN_OPTION' });
  });

  it('into a model whose file is larger than what is wanted of it', async () => {
    const at = await folder();
    await mkdir(join(at, 'big'));
    const body = nn.sequential([4], nn.linear(4, 8), nn.linear(8, 2));
    await save(body, join(at, 'big'), { maxShardBytes: 64 });
    const other = nn.sequential([4], nn.linear(4, 8), nn.linear(8, 5));
    await other.loadStateDict(await load(join(at, 'big'), { names: '0' }), { strict: false });
    expect(await (other.layers[0] as nn.Linear).weight.data()).toEqual(await (body.layers[0] as nn.Linear).weight.data());
    expect((await stat(join(at, 'big', INDEX))).isFile()).toBe(true);
  });
});

/** A hub that knows these files. */
function hub(files: ReadonlyMap<string, Uint8Array>): typeof fetch {
  return (input, init) => {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
    if (url.includes('paths-info')) return Promise.resolve(Response.json([]));
    const bytes = [...files].find(([name]) => url.endsWith(`/${name}`))?.[1];
    if (bytes === undefined) return Promise.resolve(new Response(null, { status: 404 }));
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? '');
    const [first, last] = range === null ? [0, bytes.length - 1] : [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    const headers = { 'content-range': `bytes ${first}-${last}/${bytes.length}`, 'content-length': String(last - first + 1), etag: '"1"' };
    return Promise.resolve(new Response(bytes.slice(first, last + 1), { status: range === null ? 200 : 206, headers }));
  };
}
