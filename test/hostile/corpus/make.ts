// Writes the corpus: small files of every format that TypeScript reads, whole ones, and those that were made to hurt a reader. files.test.ts reads them all, and
// spoils them further; what a long run finds is added here by hand, as `found-...`.
//
//     tsx --conditions=anneal-source test/hostile/corpus/make.ts
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';

function write(folder: string, name: string, bytes: Uint8Array): void {
  mkdirSync(join(import.meta.dirname, folder), { recursive: true });
  writeFileSync(join(import.meta.dirname, folder, name), bytes);
}

/** A safetensors file of this header and so many bytes of data, whether or not they belong together. */
function tensors(header: string, data = 0, length = header.length): Uint8Array {
  const bytes = Buffer.alloc(8 + header.length + data, 0);
  bytes.writeBigUInt64LE(BigInt(length), 0);
  bytes.write(header, 8, 'latin1');
  return bytes;
}
const entry = (shape: readonly number[], from: number, to: number, dtype = 'F32'): object => ({ dtype, shape, data_offsets: [from, to] });
const header = (fields: object): string => JSON.stringify(fields);

const safetensors: Record<string, Uint8Array> = {
  'whole': tensors(header({ __metadata__: { format: 'pt' }, a: entry([2, 3], 0, 24), b: entry([3], 24, 27, 'BOOL'), c: entry([0, 4], 27, 27), d: entry([1], 27, 35, 'I64'), e: entry([2], 35, 39, 'BF16') }), 39),
  'empty-header': tensors('{}'),
  'elements-2^60': tensors(header({ a: entry([2 ** 30, 2 ** 30], 0, 16) }), 16),
  'elements-2^60-of-size-0': tensors(header({ a: entry([0, 2 ** 40, 2 ** 40], 0, 0) })),
  'offsets-2^53': tensors(header({ a: entry([2], 2 ** 53 - 9, 2 ** 53 - 1) }), 8),
  'header-2^63': tensors('{}', 0, Number.MAX_SAFE_INTEGER),
  'header-longer-than-file': tensors('{}', 0, 1000),
  'deep-arrays': tensors(`{"a":${'['.repeat(500)}${']'.repeat(500)}}`),
  'deep-objects': tensors(`${'{"a":'.repeat(300)}0${'}'.repeat(300)}`),
  'arrays-side-by-side': tensors(`{"a":[${'[],'.repeat(300)}[]]}`),
  'long-array': tensors(`{"a":[${'0,'.repeat(1000)}0]}`),
  'proto': tensors(`{"__proto__":${header(entry([1], 0, 4))}}`, 4),
  'proto-twice': tensors(`{"__proto__":${header(entry([1], 0, 4))},"__proto__":${header(entry([1], 4, 8))}}`, 8),
  'proto-in-metadata': tensors('{"__metadata__":{"__proto__":"x","constructor":"y"}}'),
  'proto-as-field': tensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"__proto__":{"shape":[9]}}}', 4),
  'dtype-of-prototype': tensors(header({ a: entry([1], 0, 4, 'constructor') }), 4),
  'names-twice': tensors(`{"a":${header(entry([1], 0, 4))},"\\u0061":${header(entry([1], 0, 4))}}`, 4),
  'ranges-overlap': tensors(header({ a: entry([2], 0, 8), b: entry([2], 4, 12) }), 12),
  'ranges-equal': tensors(header({ a: entry([2], 0, 8), b: entry([2], 0, 8) }), 8),
  'range-in-header': tensors(header({ a: entry([2], -8, 0) }), 0),
  'ranges-with-gap': tensors(header({ a: entry([1], 0, 4), b: entry([1], 8, 12) }), 12),
  'fractions': tensors('{"a":{"dtype":"F32","shape":[0.5],"data_offsets":[0,2]}}', 2),
  'numbers-beyond-doubles': tensors('{"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1e999]}}'),
  'names-of-paths': tensors(header({ '../../etc/passwd': entry([1], 0, 4), '/dev/zero': entry([1], 4, 8) }), 8),
  'no-utf8': tensors('{"\xff\xfe":{}}'),
  'lone-surrogate': tensors(`{"\\ud800":${header(entry([1], 0, 4))}}`, 4),
};

function idx(code: number, dims: readonly number[], data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head.set([0, 0, code, dims.length]);
  dims.forEach((dim, i) => head.writeUInt32BE(dim, 4 + 4 * i));
  return Buffer.concat([head, data]);
}
const images = idx(8, [3, 2, 2], Uint8Array.from({ length: 12 }, (_, i) => i * 20));
const idxFiles: Record<string, Uint8Array> = {
  'bytes': images,
  'bytes-packed': gzipSync(images),
  'doubles': idx(14, [2], new Uint8Array(16).fill(63)),
  'shorts': idx(11, [2, 1], new Uint8Array(4).fill(1)),
  'elements-2^60': idx(8, [2 ** 31, 2 ** 29], new Uint8Array(8)),
  'elements-2^60-packed': gzipSync(idx(14, [2 ** 31, 2 ** 26], new Uint8Array(8))),
  'as-many-as-gzip-could-hold': gzipSync(idx(8, [40_000], new Uint8Array(8))),
  'rank-255': Buffer.concat([Uint8Array.of(0, 0, 8, 255), new Uint8Array(1020).fill(1)]),
  'rank-0': Uint8Array.of(0, 0, 8, 0),
  'size-0': idx(8, [0, 2 ** 32 - 1], new Uint8Array(0)),
  'bomb': gzipSync(Buffer.concat([images, new Uint8Array(1 << 20)])),
  'packed-twice': gzipSync(gzipSync(images)),
  'two-members': Buffer.concat([gzipSync(images.subarray(0, 10)), gzipSync(images.subarray(10))]),
};

const example = (label: number): Uint8Array => Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : 0));
const cifar: Record<string, Uint8Array> = {
  'one-packed': gzipSync(example(7)),
  'label-10-packed': gzipSync(example(10)),
  'trailer-of-2^32': Buffer.concat([gzipSync(example(1)).subarray(0, -4), Uint8Array.of(255, 255, 255, 255)]),
  'trailer-of-many': (() => {
    const bytes = gzipSync(example(1));
    bytes.writeUInt32LE(3073 * 5, bytes.length - 4);
    return bytes;
  })(),
};

const picture = sharp({ create: { width: 5, height: 4, channels: 3, background: { r: 200, g: 20, b: 90 } } });
/** A PNG whose header claims these sizes. */
async function png(width: number, height: number): Promise<Uint8Array> {
  const bytes = await picture.clone().png().toBuffer();
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}
const pictures: Record<string, Uint8Array> = {
  'whole.png': await picture.clone().png().toBuffer(),
  'whole.jpg': await picture.clone().jpeg().toBuffer(),
  'whole.webp': await picture.clone().webp().toBuffer(),
  'whole.gif': await picture.clone().gif().toBuffer(),
  'whole.tiff': await picture.clone().tiff().toBuffer(),
  'whole.avif': await picture.clone().avif().toBuffer(),
  'pixels-2^62.png': await png(2 ** 31 - 1, 2 ** 31 - 1),
  'pixels-2^32.png': await png(2 ** 16, 2 ** 16),
  'svg.png': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'),
  'brands-2^32.avif': Buffer.from('\xff\xff\xff\xffftypmif1\0\0\0\0avif', 'latin1'),
  'brands-0.avif': Buffer.from('\0\0\0\0ftypmif1\0\0\0\0avif', 'latin1'),
};

for (const [folder, files] of Object.entries({ safetensors, idx: idxFiles, cifar, pictures })) {
  rmSync(join(import.meta.dirname, folder), { recursive: true, force: true });
  for (const [name, bytes] of Object.entries(files)) write(folder, name, bytes);
}
