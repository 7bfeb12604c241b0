// Files of every format that TypeScript reads: those of the corpus, which were made to hurt a reader, and whatever becomes of them when they are spoiled at random.
// Each is read, or refused by an error of ours that names it; never is there an error of JavaScript's, a wait, or more memory than the file's size justifies.
// `npm run test:fuzz -- files` spoils for as long as it is told.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { AnnealError, data, load, losses, nn, optim, save, Trainer, type Tensor } from 'anneal';
import { Compiled } from '../../scripts/compiled.js';
import { parseIdx } from '../../src/data/idx.js';
import { parseSafetensors, type HostTensor } from '../../src/io/index.js';

const seconds = Number(process.env['ANNEAL_FUZZ_SECONDS'] ?? 0);
const seed = Number(process.env['ANNEAL_FUZZ_SEED'] ?? 1);
const corpus = join(import.meta.dirname, 'corpus');
const folder = mkdtempSync(join(tmpdir(), 'anneal-hostile-'));
const compiled = new Compiled();
afterAll(() => (compiled.remove(), rmSync(folder, { recursive: true, force: true })));

const filesOf = (format: string): [string, Uint8Array][] => readdirSync(join(corpus, format)).toSorted().map((name) => [name, readFileSync(join(corpus, format, name))]);

/** Outcome of a reader: 'read', the message of an error of ours, or, for anything else, a failure of the test. */
async function outcome(read: () => unknown): Promise<string> {
  try {
    await read();
    return 'read';
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    expect(error.code, error.message).not.toBe('ANNEAL_INTERNAL');
    return error.message;
  }
}

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const bytesOf = (tensors: Iterable<HostTensor>): number => [...tensors].reduce((sum, tensor) => sum + tensor.data.byteLength, 0);

/** Readers, and what holds of anything that they have read. */
const readers: Readonly<Record<string, (bytes: Uint8Array) => Promise<void>>> = {
  async safetensors(bytes) {
    const { tensors, metadata } = await parseSafetensors(bytes);
    // One byte becomes an int32 at most.
    expect(bytesOf(tensors.values())).toBeLessThanOrEqual(4 * bytes.length);
    for (const [name, { shape, data: elements }] of tensors) expect(shape.reduce((size, dim) => size * dim, 1), name).toBe(elements.length);
    expect([...metadata.values()].every((text) => typeof text === 'string')).toBe(true);
  },
  async idx(bytes) {
    const array = bytes[0] === 0x1f ? await data.readIdx(written('idx', bytes)) : parseIdx(bytes);
    expect(array.shape.reduce((size, dim) => size * dim, 1)).toBe(array.data.length);
  },
  async cifar(bytes) {
    const set = await data.fromCifar([written('cifar', bytes)]);
    expect(set.size).toBeGreaterThan(0);
  },
  async pictures(bytes) {
    mkdirSync(join(folder, 'pictures', 'class'), { recursive: true });
    written('pictures/class/picture.png', bytes);
    const set = await (await data.fromImageFolder(join(folder, 'pictures'), { size: [4, 4], maxPixels: 2 ** 20 })).load();
    expect(set.size).toBe(1);
  },
};

type Edit = readonly [how: 'flip' | 'set' | 'word' | 'insert' | 'copy' | 'remove' | 'cut', at: number, value: number, count: number];
const edits: fc.Arbitrary<Edit[]> = fc.array(fc.tuple(fc.constantFrom('flip', 'set', 'word', 'insert', 'copy', 'remove', 'cut'), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 40 })) as fc.Arbitrary<Edit>, { minLength: 1, maxLength: 4 });
/** Bytes of numbers, of JSON's signs and of numbers near limits. */
const LIKELY = [0, 1, 0x7f, 0x80, 0xff, ...Buffer.from('"\\{}[]:,0129eE-.ntf ')];
const WORDS = [0, 1, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

function spoil(bytes: Uint8Array, given: readonly Edit[]): Uint8Array {
  let spoiled = Buffer.from(bytes);
  for (const [how, where, value, count] of given) {
    const at = where % (spoiled.length + 1);
    const [before, after] = [spoiled.subarray(0, at), spoiled.subarray(at)];
    const likely = LIKELY[value % LIKELY.length]!;
    if (how === 'flip' && after.length > 0) after[0]! ^= 1 << value % 8;
    else if (how === 'set' && after.length > 0) after[0] = likely;
    else if (how === 'word' && after.length >= 4) after.writeUInt32BE(WORDS[value % WORDS.length]!, 0);
    else if (how === 'insert') spoiled = Buffer.concat([before, Buffer.alloc(count, likely), after]);
    else if (how === 'copy') spoiled = Buffer.concat([before, spoiled.subarray(value % (spoiled.length + 1)).subarray(0, count), after]);
    else if (how === 'remove') spoiled = Buffer.concat([before, after.subarray(count)]);
    else if (how === 'cut') spoiled = Buffer.from(before);
  }
  return spoiled;
}

/** Holds for many spoiled files, or for as long as was asked. */
async function holds<T>(arbitrary: fc.Arbitrary<T>, runs: number, property: (value: T) => Promise<unknown>, properties: number): Promise<void> {
  let count = 0;
  const many = seconds > 0 ? { numRuns: 2 ** 31, interruptAfterTimeLimit: (1000 * seconds) / properties } : { numRuns: runs };
  await fc.assert(fc.asyncProperty(arbitrary, async (value) => void (count++, await property(value))), { seed, ...many });
  if (seconds > 0) console.log(`${count} files spoiled`);
}

const PROPERTIES = Object.keys(readers).length + 2;
const RUNS: Readonly<Record<string, number>> = { safetensors: 2000, idx: 400, cifar: 100, pictures: 60 };

describe.each(Object.entries(readers))('%s', (format, read) => {
  test.each(filesOf(format))('%s', async (_name, bytes) => {
    // What other libraries say, and where the file lies, may be otherwise elsewhere.
    const said = (await outcome(() => read(bytes))).replaceAll(folder, '<folder>').replace(/one of .*: convert/, 'one of ...: convert').replace(/valid JSON \(.*\)/, 'valid JSON (...)').replace(/reports '.*'/, "reports '...'");
    expect(said).toMatchSnapshot();
  });

  test('spoiled at random', { timeout: 1000 * seconds + 60_000 }, async () => {
    const files = filesOf(format).map(([, bytes]) => bytes);
    await holds(fc.tuple(fc.nat(files.length - 1), edits), RUNS[format]!, async ([i, given]) => outcome(() => read(spoil(files[i]!, given))), PROPERTIES);
  });
});

const count = fc.oneof(fc.nat(9), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53 - 1, 2 ** 60, 1e308, -(2 ** 60), null, 'x'));
const name = fc.constantFrom('a', 'b', '', '__proto__', 'constructor', '__metadata__', 'toString', '../a', 'a\0', '\ud800', 'ä');
const fields = fc.record(
  { dtype: fc.constantFrom('F32', 'I8', 'BF16', 'BOOL', 'F8_E4M3', '', 'constructor', 3, null), shape: fc.oneof(fc.array(count, { maxLength: 5 }), count), data_offsets: fc.oneof(fc.tuple(count, count), fc.array(count, { maxLength: 3 })), more: fc.constant({}) },
  { requiredKeys: ['dtype', 'shape', 'data_offsets'] },
);

test('headers of any numbers and names', { timeout: 1000 * seconds + 60_000 }, async () => {
  const file = fc.tuple(fc.array(fc.tuple(name, fc.oneof({ arbitrary: fields, weight: 9 }, fc.jsonValue({ maxDepth: 2 }))), { maxLength: 4 }), fc.nat(40));
  await holds(file, 1000, async ([entries, size]) => {
    // By hand: an object would lose '__proto__', and names that come twice.
    const text = Buffer.from(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`);
    const bytes = Buffer.concat([Buffer.alloc(8), text, Buffer.alloc(size)]);
    bytes.writeBigUInt64LE(BigInt(text.length));
    return outcome(() => readers['safetensors']!(bytes));
  }, PROPERTIES);
});

const trainer = () => {
  const model = nn.sequential([2], nn.linear(2, 3), nn.dropout(0.5), nn.batchNorm1d(3), nn.linear(3, 2));
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: optim.schedules.reduceOnPlateau(0.1) }) });
};
const set = data.fromArrays({ x: new Float32Array(16), y: [0, 1, 0, 1, 0, 1, 0, 1], shape: [2] });

test('states of a trainer in which something was changed: refused, and nothing has changed, or taken, and training goes on', { timeout: 1000 * seconds + 60_000 }, async () => {
  const path = join(folder, 'trainer');
  const trained = trainer();
  await trained.fit(set, { epochs: 1, batchSize: 4, shuffle: true });
  await save(trained, path);
  const state = await load(path);
  const names = [...state.keys()];
  const value = fc.constantFrom(0, -1, NaN, Infinity, 2 ** 31 - 1, -(2 ** 31), 0.5);
  const change = fc.tuple(fc.nat(names.length - 1), fc.constantFrom('drop', 'rename', 'shape', 'dtype', 'values', 'short', 'more'), name, value);
  await holds(fc.array(change, { minLength: 1, maxLength: 3 }), 60, async (changes) => {
    const given = new Map(state);
    for (const [i, how, other, number] of changes) {
      const entry = given.get(names[i]!);
      if (entry === undefined) continue;
      if (how === 'drop') given.delete(names[i]!);
      else if (how === 'rename') {
        given.delete(names[i]!);
        given.set(`${names[i]!.slice(0, 8)}${other}`, entry);
      } else if (how === 'shape') given.set(names[i]!, { ...entry, shape: [...entry.shape, 2] });
      else if (how === 'dtype') given.set(names[i]!, { ...entry, dtype: entry.dtype === 'int32' ? 'float32' : 'int32' });
      else if (how === 'values') given.set(names[i]!, { ...entry, data: entry.data.slice().fill(number) });
      else if (how === 'short') given.set(names[i]!, { ...entry, data: entry.data.slice(1) });
      else given.set(`random.counter.${other}`, { shape: [1], dtype: 'int32', data: Int32Array.of(number) });
    }
    const fresh = trainer();
    const before = await fresh.model.parameters()[0]!.data();
    if ((await outcome(() => fresh.loadStateDict(given))) !== 'read') expect(await fresh.model.parameters()[0]!.data()).toEqual(before);
    else await outcome(() => fresh.fit(set, { epochs: 1, batchSize: 4, shuffle: true }));
  }, PROPERTIES);
});

test('a damaged schedule is refused before anything has changed', async () => {
  const state = new Map<string, HostTensor>();
  for (const [key, tensor] of trainer().stateDict()) state.set(key, 'data' in tensor && ArrayBuffer.isView(tensor.data) ? (tensor as HostTensor) : { shape: tensor.shape, dtype: tensor.dtype, data: await (tensor as Tensor).data() });
  for (const words of [new Int32Array(8).fill(-1), new Int32Array(8).fill(-(2 ** 31)), new Int32Array(7)]) {
    const fresh = trainer();
    const before = await fresh.model.parameters()[0]!.data();
    expect(await outcome(() => fresh.loadStateDict(new Map([...state, ['plateau.0', { shape: [words.length], dtype: 'int32', data: words }]])))).toMatch(/plateau\.0|reduceOnPlateau/i);
    expect(await fresh.model.parameters()[0]!.data()).toEqual(before);
  }
});

test('names such as __proto__ change no object', async () => {
  const { tensors, metadata } = await parseSafetensors(readFileSync(join(corpus, 'safetensors', 'proto')));
  expect([...tensors.keys()]).toEqual(['__proto__']);
  expect(metadata.size).toBe(0);
  const { metadata: texts } = await parseSafetensors(readFileSync(join(corpus, 'safetensors', 'proto-in-metadata')));
  expect([...texts]).toEqual([['__proto__', 'x'], ['constructor', 'y']]);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('symbolic links: a file behind one is read, a circle and a folder are not waited for', async () => {
  const links = mkdtempSync(join(folder, 'links-'));
  symlinkSync(join(corpus, 'safetensors', 'whole'), join(links, 'whole'));
  symlinkSync(join(links, 'circle'), join(links, 'circle'));
  symlinkSync(links, join(links, 'folder'));
  expect((await load(join(links, 'whole'))).size).toBe(5);
  await expect(load(join(links, 'circle'))).rejects.toMatchObject({ code: 'ELOOP' });
  // Of a folder the model in it is read, which is not there.
  await expect(load(join(links, 'folder'))).rejects.toMatchObject({ code: 'ENOENT', path: join(links, 'folder', 'model.safetensors') });
});

describe('memory', () => {
  /** Most resident memory in MB that reading takes, in a process of its own, beside what reading the whole file of the corpus takes. */
  async function megabytes(bytes: Uint8Array, read: string): Promise<number> {
    const path = written('large', bytes);
    const script = written(
      'reads.mts',
      Buffer.from(`
        import { data, load } from 'anneal';
        await load(${JSON.stringify(join(corpus, 'safetensors', 'whole'))});
        const before = process.resourceUsage().maxRSS;
        await ${read}(${JSON.stringify(path)}).catch((error) => { if (error.code !== 'ANNEAL_FILE_FORMAT') throw error; });
        console.log((process.resourceUsage().maxRSS - before) / 1024);`),
    );
    const file = await compiled.script(script);
    return new Promise((resolve, reject) => execFile(process.execPath, [file], (error, out) => (error === null ? resolve(Number(out)) : reject(new Error(error.message)))));
  }

  function headerOf(text: string): Uint8Array {
    const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
    bytes.writeBigUInt64LE(BigInt(bytes.length - 8));
    return bytes;
  }
  const MB = 2 ** 20;

  test.each([
    ['arrays in arrays', () => `{"a":${'['.repeat(8 * MB)}${']'.repeat(8 * MB)}}`],
    ['arrays side by side', () => `{"a":[${'[],'.repeat(5 * MB)}[]]}`],
    ['one long array', () => `{"a":[${'0,'.repeat(8 * MB)}0]}`],
    ['objects in objects', () => `${'{"a":'.repeat(2 * MB)}0${'}'.repeat(2 * MB)}`],
  ])('a header of 16 MB of %s takes no multiple of it', async (_name, text) => {
    expect(await megabytes(headerOf(text()), 'load')).toBeLessThan(100);
  });

  test('a file that claims 2^60 elements takes nothing', async () => {
    expect(await megabytes(readFileSync(join(corpus, 'safetensors', 'elements-2^60')), 'load')).toBeLessThan(20);
    expect(await megabytes(readFileSync(join(corpus, 'idx', 'elements-2^60-packed')), 'data.readIdx')).toBeLessThan(20);
    expect(await megabytes(readFileSync(join(corpus, 'cifar', 'trailer-of-many')), '((path) => data.fromCifar([path]))')).toBeLessThan(20);
  });
});
