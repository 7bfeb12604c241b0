import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, FileFormatError } from 'anneal';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'anneal-cifar-'))));
afterAll(() => rm(directory, { recursive: true }));

const write = async (name: string, bytes: Uint8Array): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
};

/** Examples with the labels in front of each; pixel p of example i is a hash of both. */
const pixel = (example: number, p: number): number => (example * 31 + p * 7) & 255;
function cifar(labels: readonly (readonly number[])[], first = 0): Buffer {
  return Buffer.concat(labels.map((own, i) => Buffer.from([...own, ...Array.from({ length: 3072 }, (_, p) => pixel(first + i, p))])));
}
const ten = (count: number, first = 0): Buffer => cifar(Array.from({ length: count }, (_, i) => [(first + i) % 10]), first);
const imageOf = (example: number): Float32Array => Float32Array.from({ length: 3072 }, (_, p) => pixel(example, p));

async function all(dataset: data.Dataset<[3, 32, 32], [], 'int32', 'float32'>): Promise<[Float32Array, Int32Array]> {
  const [batch] = [...data.loader(dataset, { batchSize: dataset.size })];
  return [await batch![0].data(), await batch![1].data()];
}

describe('fromCifar', () => {
  it('reads files in their order, packed or not, across the ends of pieces', async () => {
    // More than one piece of 1 MiB, whose end lies within an example.
    const files = [await write('batch_1.bin', ten(400)), await write('batch_2.bin.gz', gzipSync(ten(3, 400))), await write('batch_3.bin', ten(1, 403))];
    const dataset = await data.fromCifar(files);
    expect([dataset.size, dataset.shape, dataset.classes, dataset.name]).toEqual([404, [3, 32, 32], 10, 'batch_1.bin']);
    const [images, labels] = await all(dataset);
    expect(labels).toEqual(Int32Array.from({ length: 404 }, (_, i) => i % 10));
    for (const example of [0, 341, 399, 400, 402, 403]) expect(images.subarray(example * 3072, (example + 1) * 3072)).toEqual(imageOf(example));
  });

  it('takes the fine or the coarse label of CIFAR-100', async () => {
    const path = await write('train.bin', cifar([[3, 99], [19, 0]]));
    for (const [which, classes, expected] of [['fine', 100, [99, 0]], ['coarse', 20, [3, 19]]] as const) {
      const dataset = await data.fromCifar([path], { labels: which });
      const [images, labels] = await all(dataset);
      expect([dataset.classes, [...labels]]).toEqual([classes, expected]);
      expect(images.subarray(3072)).toEqual(imageOf(1));
    }
  });

  it('normalises each channel, by the bits of one number for all', async () => {
    const path = await write('normalized.bin', ten(2));
    const [apart] = await all(await data.fromCifar([path], { normalize: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] } }));
    for (const [c, mean, std] of [[0, 0.4914, 0.247], [1, 0.4822, 0.2435], [2, 0.4465, 0.2616]] as const) {
      const [together] = await all(await data.fromCifar([path], { normalize: { mean, std } }));
      const channel = (images: Float32Array): Float32Array => images.subarray(3072 + c * 1024, 3072 + (c + 1) * 1024);
      expect(channel(apart)).toEqual(channel(together));
      expect(channel(together)[5]).toBeCloseTo((pixel(1, c * 1024 + 5) / 255 - mean) / std, 6);
    }
    await expect(data.fromCifar([path], { normalize: { mean: [0.5], std: 1 } })).rejects.toThrow('normalize.mean: got [0.5], expected one number, or one for each of the 3 channels');
    await expect(data.fromCifar([path], { normalize: { mean: 0, std: [1, 0, 1] } })).rejects.toThrow('normalize.std: got 0, expected a finite number above 0');
  });

  it('refuses, naming the file, what are no whole examples, and labels that are no classes', async () => {
    const fine = cifar([[3, 99], [19, 20]]);
    const packed = gzipSync(ten(2));
    const claims = (bytes: number): Buffer => {
      const liar = Buffer.from(packed);
      liar.writeUInt32LE(bytes, packed.length - 4);
      return liar;
    };
    const cases: [string, Uint8Array, data.CifarOptions, string][] = [
      ['empty.bin', new Uint8Array(0), {}, 'got 0 bytes, expected a multiple of 3073'],
      ['short.bin', ten(2).subarray(0, 6000), {}, 'got 6000 bytes, expected a multiple of 3073: 1 bytes of labels and 3072 of pixels an example. Download'],
      ['hundred.bin', fine, {}, "got 6148 bytes, expected a multiple of 3073: 1 bytes of labels and 3072 of pixels an example. It may be of CIFAR-100: give { labels: 'fine' }"],
      ['ten.bin', ten(2), { labels: 'fine' }, 'It may be of CIFAR-10: leave labels out'],
      ['label.bin', cifar([[0], [10]]), {}, 'the label of its example 1 is 10, expected a class in [0, 10)'],
      ['coarse.bin', cifar([[20, 0]]), { labels: 'coarse' }, 'the label of its example 0 is 20, expected a class in [0, 20)'],
      ['cut.gz', packed.subarray(0, packed.length - 20), {}, 'can'],
      ['crc.gz', Buffer.concat([packed.subarray(0, -8), Buffer.from([1, 2, 3, 4]), packed.subarray(-4)]), {}, "gzip reports 'incorrect data check'"],
      ['odd.gz', gzipSync(ten(2).subarray(1)), {}, 'got 6145 bytes of gzip content'],
      // Content beyond what the trailer claims is neither kept nor unpacked to its end.
      ['bomb.gz', Buffer.concat([gzipSync(new Uint8Array(100_000_000)), gzipSync(ten(1))]), {}, 'it is longer than the 3073 bytes that its gzip trailer claims'],
      ['more.gz', claims(3073), {}, "gzip reports 'incorrect length check'"],
      ['less.gz', claims(3 * 3073), {}, "gzip reports 'incorrect length check'"],
      ['huge.gz', claims(3073 * 1_000_000), {}, 'its gzip trailer claims 3073000000 bytes of gzip content, more than'],
    ];
    for (const [name, bytes, options, text] of cases) {
      const path = await write(name, bytes);
      const error: unknown = await data.fromCifar([path], options).catch((caught: unknown) => caught);
      expect(error, name).toBeInstanceOf(FileFormatError);
      expect((error as Error).message).toContain(`[data.fromCifar] ${path} cannot be read: `);
      expect((error as Error).message).toContain(text);
    }
    await expect(data.fromCifar([join(directory, 'absent')])).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses other arguments', async () => {
    await expect(data.fromCifar([])).rejects.toThrow('files: got [], expected at least one path in an array');
    await expect(data.fromCifar('batch.bin' as unknown as string[])).rejects.toThrow("files: got 'batch.bin'");
    await expect(data.fromCifar(['x'], { labels: 'fines' as 'fine' })).rejects.toThrow("unknown labels: got 'fines', expected one of 'fine', 'coarse'. Did you mean 'fine'?");
    await expect(data.fromCifar(['x'], { label: 'fine' } as data.CifarOptions)).rejects.toThrow('Did you mean labels?');
  });
});
