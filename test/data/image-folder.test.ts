import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { chmod, mkdtemp, open, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AnnealError, data, DataError, FileFormatError } from 'anneal';
import { claiming, pixels, png, writeFiles } from './image-files.js';

let directory: string;
let image: Buffer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'anneal-folder-'));
  image = await png([10, 20, 30]);
});
afterAll(() => rm(directory, { recursive: true }));

let folders = 0;
const folderOf = (files: Readonly<Record<string, Uint8Array | string>>): Promise<string> => writeFiles(join(directory, `folder-${folders++}`), files);
const SIZE = { size: [2, 2] } as const;

async function failure(work: Promise<unknown>): Promise<AnnealError> {
  const error: unknown = await work.then(() => undefined, (caught: unknown) => caught);
  expect(error).toBeInstanceOf(AnnealError);
  return error as AnnealError;
}

/** One epoch: labels and the first byte of each image. */
async function epoch(loader: AsyncIterable<readonly [{ data(): Promise<ArrayLike<number>>; shape: readonly number[] }, { data(): Promise<ArrayLike<number>> }]>): Promise<{ labels: number[][]; first: number[][] }> {
  const [labels, first]: [number[][], number[][]] = [[], []];
  for await (const [images, classes] of loader) {
    labels.push([...Array.from(await classes.data())]);
    const values = await images.data();
    const one = values.length / images.shape[0]!;
    first.push(Array.from({ length: images.shape[0]! }, (_, i) => values[i * one]!));
  }
  return { labels, first };
}

describe('the list of a folder', () => {
  it('is in the order of names, classes first, whatever the file system gives', async () => {
    const folder = await folderOf({
      'b/1.png': image, 'a-b/2.png': image, 'a/10.png': image, 'a/9.png': image, 'a/deep/er/x.JPG': image, 'a/B.png': image, 'Z/z.tiff': image, 'ä/1.webp': image, 'a/de.png': image,
    });
    const images = await data.fromImageFolder(folder, SIZE);
    // Code units: capitals before small letters, '-' before the end of nothing, 'ä' last.
    expect(images.classNames).toEqual(['Z', 'a', 'a-b', 'b', 'ä']);
    expect(images.paths).toEqual(['Z/z.tiff', 'a/10.png', 'a/9.png', 'a/B.png', 'a/de.png', 'a/deep/er/x.JPG', 'a-b/2.png', 'b/1.png', 'ä/1.webp']);
    expect([...images.labels]).toEqual([0, 1, 1, 1, 1, 1, 2, 3, 4]);
    expect([images.size, images.classes, images.shape, images.name]).toEqual([9, 5, [3, 2, 2], folder.split('/').at(-1)]);
  });

  it('passes over what is hidden, and files of other names', async () => {
    const folder = await folderOf({ 'a/1.png': image, 'a/._1.png': 'a resource fork', 'a/.cache/2.png': image, '.git/3.png': image, 'a/notes.txt': 'x', 'a/x.svg': '<svg/>', 'README.md': 'x', 'b/1.jpeg': image });
    expect((await data.fromImageFolder(`${folder}/`, SIZE)).paths).toEqual(['a/1.png', 'b/1.jpeg']);
    expect((await data.fromImageFolder(folder, { ...SIZE, extensions: ['.PNG', '.Jpeg', '.txt'] })).paths).toEqual(['a/1.png', 'a/notes.txt', 'b/1.jpeg']);
  });

  it('has the labels of another folder where classNames are given, though this one lacks a class', async () => {
    const train = await data.fromImageFolder(await folderOf({ 'cat/1.png': image, 'dog/1.png': image, 'fish/1.png': image }), SIZE);
    const place = await folderOf({ 'fish/1.png': image, 'cat/1.png': image });
    expect([...(await data.fromImageFolder(place, SIZE)).labels]).toEqual([0, 1]);
    const test = await data.fromImageFolder(place, { ...SIZE, classNames: train.classNames });
    expect([[...test.labels], test.classes, test.paths]).toEqual([[0, 2], 3, ['cat/1.png', 'fish/1.png']]);
    expect((await failure(data.fromImageFolder(place, { ...SIZE, classNames: ['cat', 'fishes'] }))).message).toContain(`${place}/fish is a directory of no known class, expected one of cat, fishes`);
    expect((await failure(data.fromImageFolder(await folderOf({ 'x/1.png': image }), { ...SIZE, classNames: ['cat'] }))).code).toBe('ANNEAL_DATA');
  });

  const cases: [string, () => Promise<string>, string][] = [
    ['a folder that is not there', async () => join(directory, 'absent'), '/absent cannot be read: ENOENT'],
    ['a file', async () => join(await folderOf({ 'a/1.png': image }), 'a/1.png'), '1.png cannot be read: ENOTDIR'],
    ['an empty folder', async () => (mkdirSync(join(directory, 'empty')), join(directory, 'empty')), '/empty has no class: got no directories'],
    ['images without classes', () => folderOf({ '1.png': image }), '/1.png is an image in no class, expected each in the directory of its class'],
    ['an image beside the classes', () => folderOf({ 'a/1.png': image, 'x.jpg': image }), '/x.jpg is an image in no class'],
    ['a class without images', () => folderOf({ 'a/1.png': image, 'b/notes.txt': '' }), '/b is the directory of a class without images, expected at least one file that ends in .png, .jpg'],
    ['a link to a file outside', () => linked('a/2.png', join(directory, 'outside.png')), "/a/2.png is a link that leads out of the folder, to "],
    ['a class that is a link outside', () => linked('b', tmpdir()), "expected links inside. Copy what it leads to, or allow it: { followLinks: 'anywhere' }"],
    ['a link to nothing', () => linked('a/2.png', 'nowhere.png'), '/a/2.png cannot be read: ENOENT'],
    ['links in a circle', () => linked('a/more', '..'), '/a/more is a link to a directory that holds it'],
    ['a pipe', async () => { const folder = await folderOf({ 'a/1.png': image }); execFileSync('mkfifo', [join(folder, 'a/2.png')]); return folder; }, '/a/2.png is no file'],
  ];
  async function linked(path: string, target: string): Promise<string> {
    await writeFile(join(directory, 'outside.png'), image);
    const folder = await folderOf({ 'a/1.png': image });
    symlinkSync(target, join(folder, path));
    return folder;
  }

  /** Names that are one on a Mac and on Windows, where nobody can make both. */
  const alike: typeof cases = process.platform !== 'linux' ? [] : [
    ['classes that differ by case only', () => folderOf({ 'Cat/1.png': image, 'cat/2.png': image }), '/cat and Cat are the same name on some platforms'],
    ['images that differ by case only', () => folderOf({ 'a/IMG.png': image, 'a/img.PNG': image }), '/a/img.PNG and IMG.png are the same name'],
    ['names that differ by how an accent is written', () => folderOf({ 'a/\u00e9.png': image, 'a/e\u0301.png': image }), 'are the same name on some platforms'],
  ];

  it.each([...cases, ...alike])('refuses %s', async (_, make, text) => {
    const error = await failure(data.fromImageFolder(await make(), SIZE));
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('ANNEAL_DATA');
    expect(error.message).toContain(text);
  });

  it('follows links inside the folder, and others where that is allowed', async () => {
    const outside = await folderOf({ 'x.png': image, 'y/z.png': image });
    const folder = await folderOf({ 'a/1.png': image });
    symlinkSync('1.png', join(folder, 'a/2.png'));
    expect((await epoch(data.loader(await data.fromImageFolder(folder, SIZE)))).first).toEqual([[10], [10]]);
    symlinkSync(outside, join(folder, 'b'));
    symlinkSync(join(outside, 'x.png'), join(folder, 'a/3.png'));
    const images = await data.fromImageFolder(folder, { ...SIZE, followLinks: 'anywhere' });
    expect(images.paths).toEqual(['a/1.png', 'a/2.png', 'a/3.png', 'b/x.png', 'b/y/z.png']);
    expect((await epoch(data.loader(images, { batchSize: 5 }))).first).toEqual([[10, 10, 10, 10, 10]]);
  });

  it('refuses other options', async () => {
    const folder = await folderOf({ 'a/1.png': image });
    const cases: [object, string][] = [
      [{}, 'size: got undefined, expected [height, width]'],
      [{ size: [0, 2] }, 'size: got [0, 2]'],
      [{ ...SIZE, channels: 4 }, 'channels: got 4, expected 1 or 3'],
      [{ ...SIZE, fit: 'crop' }, "unknown fit: got 'crop', expected one of 'cover', 'contain', 'fill'"],
      [{ ...SIZE, kernel: 'linaer' }, "Did you mean 'linear'?"],
      [{ ...SIZE, background: [0, 0, 256] }, 'background: got [0, 0, 256]'],
      [{ ...SIZE, normalize: { mean: [0, 0], std: 1 } }, 'normalize.mean: got [0, 0], expected one number, or one for each of the 3 channels'],
      [{ ...SIZE, onDamaged: 'ignore' }, "unknown onDamaged: got 'ignore'"],
      [{ ...SIZE, extensions: ['png'] }, "extensions: got ['png'], expected endings with their dot"],
      [{ ...SIZE, classNames: ['a', 'a'] }, "classNames: got ['a', 'a']"],
      [{ ...SIZE, maxPixels: 0 }, 'maxPixels: got 0'],
      [{ ...SIZE, shape: [3, 2, 2] }, 'unknown option: got shape'],
      [{ image_size: [2, 2] }, 'Did you mean size?'],
    ];
    for (const [options, text] of cases) expect((await failure(data.fromImageFolder(folder, options as typeof SIZE))).message).toContain(text);
    const images = await data.fromImageFolder(folder, SIZE);
    expect(() => data.loader(images, { concurrency: 0 })).toThrow('concurrency: got 0');
    expect(() => data.loader(images, { numWorkers: 2 } as object)).toThrow('Did you mean concurrency?');
    expect(() => data.loader(images, { prefetch: 3 as 2 })).toThrow('prefetch: got 3');
    expect(() => data.loader(images, { batchSize: 2, dropLast: true })).toThrow('leaves no batch of the 1 examples');
  });
});

describe('damaged images', () => {
  const noise = pixels(64, 64, (row, column) => [(row * 31 + column * 17) & 255, (row * column) & 255, (row * 7) & 255]);
  const half = async (format: 'png' | 'jpeg' | 'webp' | 'avif' | 'gif' | 'tiff'): Promise<Buffer> => {
    const whole = await noise.clone().toFormat(format).toBuffer();
    return whole.subarray(0, whole.length >> 1);
  };
  const cases: [string, string, () => Promise<Buffer>, string][] = [
    ...(['png', 'jpeg', 'webp', 'avif', 'gif', 'tiff'] as const).map((format): [string, string, () => Promise<Buffer>, string] => [`half a ${format}`, `half.${format}`, () => half(format), "sharp reports '"]),
    ['a PNG with a flipped bit', 'flipped.png', async () => { const bytes = await noise.clone().png().toBuffer(); bytes[bytes.length >> 1]! ^= 1; return bytes; }, "sharp reports '"],
    ['an empty file', 'empty.png', async () => Buffer.alloc(0), 'it is empty'],
    ['text', 'text.png', async () => Buffer.from('not an image'), 'it begins with 6e 6f 74 20, which is no PNG, JPEG, WebP, AVIF, GIF or TIFF, whatever its name'],
    ['an SVG, which could name other files', 'drawing.png', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'), 'it begins with 3c 73 76 67'],
    ['the first bytes of a PNG', 'magic.png', async () => image.subarray(0, 8), "sharp reports '"],
    ['a header that claims 60,000 by 60,000', 'bomb.png', () => claiming(60_000, 60_000), 'it claims to have more than 67108864 pixels'],
  ];

  it.each(cases)('are errors that name the file: %s', async (_, name, bytes, text) => {
    const folder = await folderOf({ [`a/${name}`]: await bytes() });
    const images = await data.fromImageFolder(folder, { ...SIZE, extensions: [`.${name.split('.')[1]!}`] });
    const error = await failure(epoch(data.loader(images)));
    expect(error).toBeInstanceOf(FileFormatError);
    expect(error.message).toContain(`[data.fromImageFolder] ${folder}/a/${name} is damaged: ${text}`);
  });

  it('of a batch are named by their order, not by which is found first', async () => {
    const large = (await pixels(700, 700, (row, column) => [(row * 31 + column * 17) & 255, 0, 0]).png().toBuffer()).subarray(0, -100);
    const folder = await folderOf({ 'a/1.png': image, 'a/2.png': large, 'a/3.png': 'text', 'a/4.png': image });
    const images = await data.fromImageFolder(folder, SIZE);
    for (const concurrency of [1, 4]) expect((await failure(epoch(data.loader(images, { batchSize: 4, concurrency })))).message).toContain('a/2.png is damaged');
    // A batch before it is handed out.
    const sizes: number[] = [];
    const run = async (): Promise<void> => {
      for await (const [batch] of data.loader(images, { prefetch: 2 })) sizes.push(batch.shape[0]!);
    };
    expect((await failure(run())).message).toContain('a/2.png');
    expect(sizes).toEqual([1]);
  });

  it('are left out of their batches, and told, where that is asked for', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const good = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((i) => png([i, 0, 0])));
    const folder = await folderOf({ 'a/0.png': good[0]!, 'a/1.png': 'text', 'a/2.png': good[2]!, 'b/3.png': good[3]!, 'b/4.png': await claiming(60_000, 60_000), 'b/5.png': 'text', 'b/6.png': good[6]! });
    const images = await data.fromImageFolder(folder, { ...SIZE, onDamaged: 'skip' });
    for (const concurrency of [1, 3]) {
      const loader = data.loader(images, { batchSize: 2, concurrency });
      expect(await epoch(loader)).toEqual({ first: [[0], [2, 3], [6]], labels: [[0], [0, 1], [1]] });
      expect(loader.length).toBe(4);
    }
    expect(images.skipped.map(({ path, error }) => [path, error.code])).toEqual([['a/1.png', 'ANNEAL_FILE_FORMAT'], ['b/4.png', 'ANNEAL_FILE_FORMAT'], ['b/5.png', 'ANNEAL_FILE_FORMAT']]);
    expect(warning).toHaveBeenCalledTimes(1);
    expect(warning.mock.calls[0]![0]).toContain(`${folder}/a/1.png is damaged`);
    const loaded = await images.load();
    expect(loaded.size).toBe(4);
    expect(await epoch(data.loader(loaded, { batchSize: 9 }))).toEqual({ first: [[0, 2, 3, 6]], labels: [[0, 0, 1, 1]] });
    expect(await epoch(data.loader(images.subset([1, 5]), { batchSize: 2 }))).toEqual({ first: [], labels: [] });
    expect((await failure(images.subset([1, 5]).load())).message).toContain('a/1.png is damaged');
    warning.mockRestore();
  });

  it('are no files that are gone, forbidden or changed: these are errors even then', async () => {
    const folder = await folderOf({ 'a/1.png': image, 'a/2.png': image });
    const images = await data.fromImageFolder(folder, { ...SIZE, onDamaged: 'skip' });
    const fails = async (text: string): Promise<void> => {
      const error = await failure(epoch(data.loader(images, { batchSize: 2 })));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toContain(`${folder}/a/2.png ${text}`);
    };
    const path = join(folder, 'a/2.png');
    await unlink(path);
    await fails('cannot be read: ENOENT');
    symlinkSync('1.png', path);
    await fails('cannot be read: ELOOP');
    await unlink(path);
    mkdirSync(path);
    await fails('is no file any more');
    await rm(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    await fails('is no file any more');
    await unlink(path);
    await writeFile(path, image);
    if (process.getuid?.() !== 0) {
      await chmod(path, 0);
      await fails('cannot be read: EACCES');
      await chmod(path, 0o600);
    }
    // Somebody appends while it is read.
    const handle = await open(path);
    const read = vi.spyOn(Object.getPrototypeOf(handle) as { read: (...args: never[]) => Promise<unknown> }, 'read').mockImplementation(async function (this: { stat(): Promise<{ size: number }> }) {
      const { size } = await this.stat();
      appendFileSync(path, 'more');
      return { bytesRead: size };
    } as never);
    const error = await failure(epoch(data.loader(images.subset([1]))));
    read.mockRestore();
    await handle.close();
    expect(error.message).toContain('a/2.png was changed while it was read');
  });
});

describe('batches of a folder', () => {
  const COUNT = 23;
  let images: data.ImageFolder<[3, 2, 2]>;
  beforeAll(async () => {
    const files: Record<string, Buffer> = {};
    // Sizes differ, so that what begins first does not end first.
    for (let i = 0; i < COUNT; i++) files[`${i % 3}/${String(i).padStart(2, '0')}.png`] = await png([i, 0, 0], i % 4 === 0 ? 400 : 3);
    images = await data.fromImageFolder(await folderOf(files), SIZE);
  });
  const number = (row: number): number => Number(images.paths[row]!.slice(2, 4));

  it('have the same bytes for any number of images under way and any prefetch', async () => {
    const expected = [...data.loader(await images.load({ concurrency: 1 }), { batchSize: 4, shuffle: true, seed: 5 }).order(0)].map(number);
    const seen = new Set<string>();
    for (const concurrency of [1, 2, 5, 50]) for (const prefetch of [0, 1, 2] as const) {
      const loader = data.loader(images, { batchSize: 4, shuffle: true, seed: 5, concurrency, prefetch });
      const { first, labels } = await epoch(loader);
      expect(first.flat()).toEqual(expected);
      seen.add(JSON.stringify([first, labels]));
    }
    expect(seen.size).toBe(1);
    expect(new Set(expected).size).toBe(COUNT);
  });

  it('come in the order that a Dataset of as many examples has, in every epoch, and in parts', async () => {
    const loaded = await images.load();
    const [train] = images.split(0.6, { seed: 3, stratify: true });
    const [loadedTrain] = loaded.split(0.6, { seed: 3, stratify: true });
    for (const [folder, memory] of [[images, loaded], [train, loadedTrain]] as const) {
      const options = { batchSize: 5, shuffle: true, seed: 2 };
      const [streamed, gathered] = [data.loader(folder, options), data.loader(memory, options)];
      expect(streamed.length).toBe(gathered.length);
      for (let i = 0; i < 3; i++) {
        expect(streamed.order(i)).toEqual(gathered.order(i));
        expect(await epoch(streamed)).toEqual(await epoch(gathered));
      }
    }
    const dropped = data.loader(images, { batchSize: 5, dropLast: true });
    expect([dropped.length, dropped.size, (await epoch(dropped)).first.length]).toEqual([4, 20, 4]);
    const [some, others] = images.split(0.5, { groups: images.paths });
    expect(some.size + others.size).toBe(COUNT);
    expect(images.subset([3, 3, 0]).paths).toEqual([images.paths[3], images.paths[3], images.paths[0]]);
    expect(() => images.subset([COUNT])).toThrow(`indices[0]: got ${COUNT}`);
  });

  it('go on after a state as if nothing had been between', async () => {
    const options = { batchSize: 4, shuffle: true, seed: 9 };
    const whole = data.loader(images, options);
    const expected = [await epoch(whole), await epoch(whole)];
    const stopped = data.loader(images, options);
    let seen = 0;
    for await (const _ of stopped) if (++seen === 3) break;
    const state = JSON.parse(JSON.stringify(stopped.stateDict())) as data.LoaderState;
    expect(state).toMatchObject({ epoch: 0, step: 3, size: COUNT });
    const resumed = data.loader(images, options);
    resumed.loadStateDict(state);
    expect((await epoch(resumed)).first).toEqual(expected[0]!.first.slice(3));
    expect(await epoch(resumed)).toEqual(expected[1]);
    expect(() => data.loader(images, { ...options, seed: 1 }).loadStateDict(state)).toThrow('seed was 9');
  });

  it('name the example that a row is of', async () => {
    for await (const [batch] of data.loader(images, { batchSize: 4, shuffle: true })) {
      const row = data.originOf(batch)!.example(2);
      expect((await batch.data())[2 * 12]).toBe(number(row));
      break;
    }
  });

  it('show themselves', async () => {
    expect(images.toJSON()).toMatchObject({ size: COUNT, shape: [3, 2, 2], classes: 3, classNames: ['0', '1', '2'], skipped: 0 });
    expect(data.loader(images, { batchSize: 4 }).toJSON()).toMatchObject({ dataset: images.name, length: 6, batchSize: 4, epoch: 0 });
  });

  it('begin nothing more when the loop is left', async () => {
    const fetches = vi.spyOn(images, 'fetch$');
    for await (const _ of data.loader(images, { batchSize: 4, concurrency: 2, prefetch: 2 })) break;
    const begun = fetches.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fetches.mock.calls.length).toBe(begun);
    expect(begun).toBeLessThanOrEqual(4 + 2 * 4);
    fetches.mockRestore();
  });

  it('decode no more images at once than was said', async () => {
    let [running, most] = [0, 0];
    const { fetch$ } = images;
    const fetches = vi.spyOn(images, 'fetch$').mockImplementation(async (row, bytes) => {
      most = Math.max(most, ++running);
      try {
        return await fetch$.call(images, row, bytes);
      } finally {
        running--;
      }
    });
    for (const concurrency of [1, 3]) {
      most = 0;
      await epoch(data.loader(images, { batchSize: 4, concurrency, prefetch: 2 }));
      expect(most).toBe(concurrency);
    }
    fetches.mockRestore();
  });

  it('take one thread an image', () => {
    expect(sharp.concurrency()).toBe(1);
  });
});
