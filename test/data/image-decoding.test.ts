import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnnealError, data } from 'anneal';
import { decoder } from '../../src/data/image-decoder.js';
import { pixels, png, writeFiles } from './image-files.js';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'anneal-images-'))));
afterAll(() => rm(directory, { recursive: true }));

let folders = 0;

/** The bytes of one image, [C, H, W], as a folder gives them. */
async function decoded(bytes: Uint8Array, options: data.ImageFolderOptions, name = 'image.png'): Promise<number[]> {
  const folder = await data.fromImageFolder(await writeFiles(join(directory, String(folders++)), { [`class/${name}`]: bytes }), options);
  for await (const [images] of data.loader(folder)) {
    expect(images.shape).toEqual([1, options.channels ?? 3, ...options.size]);
    return [...(await images.data())];
  }
  throw new Error('no batch');
}

const ONE = { size: [1, 1] } as const;
const ORANGE = [200, 100, 50];

describe('images of a folder', () => {
  it('come channel by channel, rows first', async () => {
    const bytes = await pixels(2, 3, (row, column) => [row * 10 + column, 100 + row * 10 + column, 200 + row * 10 + column]).png().toBuffer();
    expect(await decoded(bytes, { size: [2, 3] })).toEqual([0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112, 200, 201, 202, 210, 211, 212]);
  });

  it('are of any known format, whatever the name says', async () => {
    const orange = pixels(8, 8, ORANGE);
    for (const bytes of [orange.clone().png(), orange.clone().jpeg({ quality: 100 }), orange.clone().webp({ lossless: true }), orange.clone().avif({ lossless: true }), orange.clone().gif(), orange.clone().tiff({ compression: 'lzw' })]) {
      expect(await decoded(await bytes.toBuffer(), ONE)).toEqual(ORANGE);
    }
    expect(await decoded(await orange.clone().jpeg({ quality: 100 }).toBuffer(), ONE, 'photo.PNG')).toEqual(ORANGE);
  });

  it('are turned and mirrored as EXIF says: a photograph taken upright comes upright', async () => {
    // Orientation 6: the first row of the file is the right side of the picture.
    const stored = pixels(2, 3, (row, column) => [row * 10 + column, 0, 0]);
    const red = async (orientation: number): Promise<number[]> => (await decoded(await stored.clone().withMetadata({ orientation }).png().toBuffer(), { size: orientation > 4 ? [3, 2] : [2, 3] })).slice(0, 6);
    expect(await red(1)).toEqual([0, 1, 2, 10, 11, 12]);
    expect(await red(2)).toEqual([2, 1, 0, 12, 11, 10]);
    expect(await red(3)).toEqual([12, 11, 10, 2, 1, 0]);
    expect(await red(6)).toEqual([10, 0, 11, 1, 12, 2]);
    expect(await red(8)).toEqual([2, 12, 1, 11, 0, 10]);
  });

  it('become red, green and blue of 8 bits: grey, palettes, 16 bits, CMYK', async () => {
    const grey = pixels(8, 8, [77]).toColourspace('b-w');
    expect(await decoded(await grey.clone().png().toBuffer(), ONE)).toEqual([77, 77, 77]);
    expect(await decoded(await grey.clone().jpeg().toBuffer(), ONE)).toEqual([77, 77, 77]);
    expect(await decoded(await pixels(8, 8, ORANGE).png({ palette: true }).toBuffer(), ONE)).toEqual(ORANGE);
    const wide = (values: readonly number[], space: string): Promise<Buffer> =>
      sharp(Uint16Array.from({ length: 64 * values.length }, (_, i) => values[i % values.length]!), { raw: { height: 8, width: 8, channels: values.length as 1 | 3 | 4 } }).toColourspace(space).png().toBuffer();
    expect(await decoded(await wide(ORANGE.map((value) => value * 257), 'rgb16'), ONE)).toEqual(ORANGE);
    expect(await decoded(await wide([77 * 257], 'grey16'), ONE)).toEqual([77, 77, 77]);
    const [red, green, blue] = await decoded(await pixels(8, 8, ORANGE).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(), ONE);
    // Through the profile of a printer, which has less blue in its orange.
    expect([Math.abs(red! - 200) < 8, Math.abs(green! - 100) < 8, Math.abs(blue! - 50) < 40]).toEqual([true, true, true]);
  });

  it('become sRGB by the profile that they carry', async () => {
    const wide = await pixels(8, 8, [100, 200, 100]).withIccProfile('p3').png().toBuffer();
    const raw = [...(await sharp(wide, { ignoreIcc: true }).raw().toBuffer())].slice(0, 3);
    expect(raw).not.toEqual([100, 200, 100]);
    const back = await decoded(wide, ONE);
    back.forEach((value, c) => expect(Math.abs(value - [100, 200, 100][c]!)).toBeLessThanOrEqual(2));
  });

  it('are put upon the background where they are transparent', async () => {
    const half = await pixels(8, 8, [200, 100, 50, 128]).png().toBuffer();
    expect(await decoded(half, ONE)).toEqual([100, 50, 25]);
    expect(await decoded(half, { ...ONE, background: [255, 255, 255] })).toEqual([227, 177, 152]);
    // What hides under full transparency is not seen, and does not shine through an edge that is made smaller.
    const hidden = await pixels(2, 2, (_, column) => (column === 0 ? [255, 0, 0, 0] : [0, 0, 255, 255])).png().toBuffer();
    expect(await decoded(hidden, { size: [2, 2], background: [0, 255, 0] })).toEqual([0, 0, 0, 0, 255, 0, 255, 0, 0, 255, 0, 255]);
    expect((await decoded(hidden, ONE))[0]).toBe(0);
    expect(await decoded(await pixels(8, 8, [77, 128]).toColourspace('b-w').png().toBuffer(), ONE)).toEqual([38, 38, 38]);
  });

  it('are grey with one channel, by luminance', async () => {
    expect(await decoded(await png(ORANGE), { ...ONE, channels: 1 })).toEqual([128]);
    expect(await decoded(await pixels(8, 8, [77]).toColourspace('b-w').png().toBuffer(), { ...ONE, channels: 1 })).toEqual([77]);
    expect(await decoded(await png([255, 255, 255, 0]), { ...ONE, channels: 1 })).toEqual([0]);
  });

  it('are cut, fitted or stretched to the size', async () => {
    // Four columns: red, green, blue, white.
    const colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
    const wide = await pixels(2, 4, (_, column) => colours[column]!).png().toBuffer();
    const options = { size: [2, 2], kernel: 'nearest' } as const;
    const red = async (more: Partial<data.ImageFolderOptions>): Promise<number[]> => (await decoded(wide, { ...options, ...more })).slice(0, 4);
    expect(await red({})).toEqual([0, 0, 0, 0]);
    expect(await red({ fit: 'fill' })).toEqual([0, 255, 0, 255]);
    const contained = await decoded(await pixels(1, 2, [9, 9, 9]).png().toBuffer(), { size: [3, 2], fit: 'contain', background: [1, 2, 3] });
    expect(contained).toEqual([1, 1, 9, 9, 1, 1, 2, 2, 9, 9, 2, 2, 3, 3, 9, 9, 3, 3]);
  });

  it('are the first frame of what moves, and the first page of many', async () => {
    const frames = await sharp([await png([255, 0, 0]), await png([0, 0, 255])], { join: { animated: true } }).gif().toBuffer();
    expect((await sharp(frames, { animated: true }).metadata()).pages).toBe(2);
    expect(await decoded(frames, ONE)).toEqual([255, 0, 0]);
  });

  it('are normalised by the step, each channel by its numbers', async () => {
    const normalize = { mean: [0.5, 0.25, 0], std: [0.5, 0.25, 2] };
    const values = await decoded(await png([255, 0, 51]), { ...ONE, normalize });
    [1, -1, 0.1].forEach((expected, c) => expect(values[c]).toBeCloseTo(expected, 6));
  });
});

describe('the library that decodes', () => {
  const missing = (message: string, code?: string): (() => never) => () => {
    throw Object.assign(new Error(message), { code });
  };

  it('is said to be missing, with the command that installs it', () => {
    expect(() => decoder(missing("Cannot find module 'sharp'", 'MODULE_NOT_FOUND'))).toThrow(AnnealError);
    expect(() => decoder(missing("Cannot find module 'sharp'", 'MODULE_NOT_FOUND'))).toThrow('[data.fromImageFolder] images are decoded by sharp, which is not installed. Install it beside anneal: npm install sharp.');
    expect(() => decoder(missing('Could not load the "sharp" module using the linux-x64 runtime\nPossible solutions:'))).toThrow('could not be loaded: Could not load the "sharp" module using the linux-x64 runtime Install it again');
  });
});
