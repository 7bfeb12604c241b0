import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import 'anneal';
import { BatchOrigin, fromIdx, parseIdx, readIdx } from '../../src/data/index.js';
import { FileFormatError } from '../../src/errors.js';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'anneal-idx-'))));
afterAll(() => rm(directory, { recursive: true }));

function idx(code: number, dims: readonly number[], body: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + body.length);
  bytes.set([0, 0, code, dims.length]);
  dims.forEach((dim, i) => new DataView(bytes.buffer).setUint32(4 + 4 * i, dim));
  bytes.set(Uint8Array.from(body), 4 + 4 * dims.length);
  return bytes;
}

describe('parseIdx', () => {
  it('reads every element type', () => {
    expect(parseIdx(idx(0x08, [2, 2], [1, 2, 3, 255]))).toEqual({ shape: [2, 2], dtype: 'uint8', data: Uint8Array.of(1, 2, 3, 255) });
    expect(parseIdx(idx(0x09, [2], [0xff, 1]))).toEqual({ shape: [2], dtype: 'int32', data: Int32Array.of(-1, 1) });
    expect(parseIdx(idx(0x0b, [2], [0xff, 0xfe, 1, 0]))).toEqual({ shape: [2], dtype: 'int32', data: Int32Array.of(-2, 256) });
    expect(parseIdx(idx(0x0c, [1], [0, 1, 0, 2]))).toEqual({ shape: [1], dtype: 'int32', data: Int32Array.of(65538) });
    expect(parseIdx(idx(0x0d, [1, 1], [0x3f, 0xc0, 0, 0]))).toEqual({ shape: [1, 1], dtype: 'float32', data: Float32Array.of(1.5) });
    expect(parseIdx(idx(0x0e, [1], [0xc0, 4, 0, 0, 0, 0, 0, 0]))).toEqual({ shape: [1], dtype: 'float32', data: Float32Array.of(-2.5) });
  });

  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(0), 'it ends after 0 bytes, within its header'],
    ['half a header', idx(0x08, [1, 2], []).subarray(0, 9), 'it ends after 9 bytes, within its header'],
    ['another format', Uint8Array.of(0x89, 0x50, 0x4e, 0x47), 'it begins with 89 50 4e 47, expected 00 00'],
    ['an unknown type', idx(0x0a, [1], [1]), 'its type byte is 0x0a, expected one of 08, 09, 0b, 0c, 0d, 0e'],
    ['rank 0', idx(0x08, [], [1]), 'its rank is 0, expected 1 to 8'],
    ['rank 255', Uint8Array.of(0, 0, 8, 255), 'its rank is 255'],
    ['dimensions that overflow', idx(0x0e, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []), 'its shape [4294967295,4294967295,4294967295] asks for more than 2147483647 bytes'],
    ['a claim beyond the file', idx(0x08, [2 ** 30], []), 'it is truncated: got at most 8 bytes, expected 1073741832 for the shape [1073741824]'],
    ['no elements', idx(0x08, [0, 28], []), 'its shape [0,28] holds no elements'],
    ['one byte short', idx(0x08, [2, 2], [1, 2, 3]), 'it is truncated: got at most 15 bytes, expected 16 for the shape [2,2]'],
    ['one byte long', idx(0x08, [2, 2], [1, 2, 3, 4, 5]), 'it is longer than the 16 bytes that its header promises for the shape [2,2]'],
  ];

  it.each(cases)('refuses %s', (_, bytes, text) => {
    expect(() => parseIdx(bytes, 'images')).toThrow(FileFormatError);
    expect(() => parseIdx(bytes, 'images')).toThrow(`[readIdx] images cannot be read: ${text}`);
  });

  it('fails only with FileFormatError, whatever the bytes', () => {
    const valid = idx(0x0b, [2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const mutated = fc.tuple(fc.nat(15), fc.nat(255), fc.nat(valid.length)).map(([at, byte, length]) => {
      const bytes = valid.slice();
      bytes[at] = byte;
      return length % 2 === 0 ? bytes : bytes.subarray(0, length);
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        try {
          const { shape, data } = parseIdx(bytes);
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          if (!(error instanceof FileFormatError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});

it('fromIdx normalises doubles before it rounds them, and readIdx rounds them to the nearest float32', async () => {
  const seconds = [1_700_000_000.25, 1_700_000_001.25, 1_700_000_002.25];
  const body = Buffer.alloc(24);
  seconds.forEach((value, i) => body.writeDoubleBE(value, 8 * i));
  const path = join(directory, 'doubles');
  await writeFile(path, idx(0x0e, [3, 1], body));
  const labels = join(directory, 'labels-of-doubles');
  await writeFile(labels, idx(0x08, [3], [0, 1, 2]));
  const dataset = await fromIdx(path, labels, { normalize: { mean: 1_700_000_001.25, std: 1 } });
  const [inputs] = dataset.batch$(Int32Array.of(0, 1, 2), new BatchOrigin('', 0, 0, 0));
  expect(await inputs.data()).toEqual(Float32Array.of(-1, 0, 1));
  expect((await readIdx(path)).data).toEqual(Float32Array.from(seconds));
});

describe('readIdx', () => {
  const write = async (name: string, bytes: Uint8Array): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, bytes);
    return path;
  };
  const body = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7);
  const whole = idx(0x08, [3000, 1000], body);

  it('reads plain and packed files, in several pieces', async () => {
    for (const path of [await write('plain', whole), await write('packed.gz', gzipSync(whole))]) {
      const { shape, dtype, data } = await readIdx(path);
      expect({ shape, dtype }).toEqual({ shape: [3000, 1000], dtype: 'uint8' });
      expect(Buffer.compare(data as Uint8Array, body)).toBe(0);
    }
  });

  it('refuses damaged files', async () => {
    await expect(readIdx(await write('short', whole.subarray(0, 2_000_000)))).rejects.toThrow('it is truncated: got at most 2000000 bytes, expected 3000012');
    await expect(readIdx(await write('short.gz', gzipSync(whole).subarray(0, 5000)))).rejects.toThrow("gzip reports 'unexpected end of file'");
    await expect(readIdx(await write('long.gz', gzipSync(idx(0x08, [2], new Uint8Array(100)))))).rejects.toThrow('it is longer than the 10 bytes');
    await expect(readIdx(await write('less.gz', gzipSync(idx(0x08, [200], new Uint8Array(100)))))).rejects.toThrow('it is truncated: got 108 bytes, expected 208');
    await expect(readIdx(join(directory, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('goes by the first bytes of a file, not by its name', async () => {
    const [packed, plain] = [await write('images', gzipSync(whole)), await write('plain.gz', whole)];
    for (const path of [packed, plain]) expect((await readIdx(path)).shape).toEqual([3000, 1000]);
    const labels = await write('labels.gz', gzipSync(idx(0x08, [3000], new Uint8Array(3000).fill(7))));
    const dataset = await fromIdx(packed, labels, { classes: 10 });
    expect([dataset.size, dataset.shape]).toEqual([3000, [1000]]);
    const [inputs, targets] = dataset.batch$(Int32Array.of(2999), new BatchOrigin('', 0, 0, 0));
    expect(await inputs.data()).toEqual(Float32Array.from(body.subarray(-1000)));
    expect(await targets.data()).toEqual(Int32Array.of(7));
  });

  it('names the file of gzip that is corrupt, or has anything behind it', async () => {
    const packed = gzipSync(whole);
    const flipped = Buffer.from(packed);
    flipped[packed.length - 6]! ^= 1;
    const behind = (bytes: Uint8Array): Buffer => Buffer.concat([packed, bytes]);
    const cases: [string, Uint8Array, string][] = [
      ['flipped.gz', flipped, "gzip reports 'incorrect data check'"],
      ['garbage.gz', behind(Buffer.from('garbage')), "gzip reports 'incorrect header check'"],
      ['zeros.gz', behind(new Uint8Array(10)), `10 bytes follow its gzip data, which ends after ${packed.length}`],
      ['hidden.gz', behind(Buffer.from('\0garbage')), '8 bytes follow its gzip data'],
      ['member.gz', behind(Buffer.from('1f8b', 'hex')), "gzip reports 'unexpected end of file'"],
      ['twice.gz', behind(packed), 'it is longer than the 3000012 bytes'],
      ['magic.gz', Buffer.from('1f8b', 'hex'), "gzip reports 'unexpected end of file'"],
    ];
    for (const [name, bytes, text] of cases) {
      const path = await write(name, bytes);
      await expect(readIdx(path)).rejects.toThrow(FileFormatError);
      await expect(readIdx(path)).rejects.toThrow(`[readIdx] ${path} cannot be read: ${text}`);
    }
  });

  it('unpacks no more than the header asks for', async () => {
    const bomb = gzipSync(Buffer.concat([idx(0x08, [16], []), Buffer.alloc(50_000_000)]));
    await expect(readIdx(await write('bomb.gz', bomb))).rejects.toThrow('it is longer than the 24 bytes');
    const liar = gzipSync(idx(0x08, [2 ** 31 - 1], new Uint8Array(10)));
    await expect(readIdx(await write('liar.gz', liar))).rejects.toThrow('it is truncated: got at most');
  });
});
