import { open } from 'node:fs/promises';
import type * as Zlib from 'node:zlib';
import type * as Hyparquet from 'hyparquet';
import { FileFormatError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { lazyRequire } from '../lazy-require.js';
import { checkOptions } from '../options.js';
import { readerMissing } from './optional-reader.js';
import { BadRows, checkReader, columnsOf, READER_OPTIONS, type ReaderOptions, rowOfColumns, TableReader } from './reader.js';
import { checkSchema, type RowOf, type Schema, valueParser } from './schema.js';
import type { Row } from './values.js';

const zlib = lazyRequire<typeof Zlib>('node:zlib');
// Not by import(): bundlers would look for it, and fail where it is not installed.
const hyparquet = lazyRequire<typeof Hyparquet>('hyparquet');

const OP = 'data.parquet';
/** Rows that are decoded at once, where a row group has more: its columns are then read again for each part, but for the pages that an index lets be left out. */
const MOST_AT_ONCE = 2 ** 17;

export type ParquetOptions<S extends Schema | undefined = undefined> = ReaderOptions<S>;

function load(): typeof Hyparquet {
  try {
    return hyparquet();
  } catch (cause) {
    throw readerMissing(OP, 'Parquet', 'hyparquet', cause);
  }
}

/**
 * The rows of a Parquet file, a part of a row group at a time, by hyparquet, which you install beside anneal: `npm install hyparquet`. Only the columns of the schema are read. Columns packed by Snappy,
 * gzip or Brotli are unpacked, and by Zstandard where Node.js knows it (22.15). Without a schema rows have all columns as they are; whole numbers of 64 bits are bigints.
 *
 *     const people = data.parquet('people.parquet', { schema: { age: 'number', city: 'category' }, otherColumns: 'ignore' });
 *     for await (const { age, city } of people) console.log(age, city);
 *
 * Throws as data.csv() does, with the number of a row for its line; AnnealError (ANNEAL_OPTIONAL_MISSING) in the loop where hyparquet is not installed, FileFormatError for what is no Parquet file.
 */
export function parquet<const S extends Schema>(path: FilePath, options: ParquetOptions<S> & { readonly schema: S }): TableReader<RowOf<S>>;
export function parquet(path: FilePath, options?: ParquetOptions): TableReader;
export function parquet(path: FilePath, options: ParquetOptions<Schema | undefined> = {}): TableReader {
  checkOptions(OP, options, READER_OPTIONS);
  checkSchema(OP, options.schema);
  checkReader(OP, options);
  const at = checkPath(OP, path);
  const file = shownPath(at);
  return new TableReader(file, () => new BadRows(OP, file, options.onBadRow === 'skip', 'row'), (bad) => rowsOf(at, file, options, bad));
}

async function* rowsOf(path: string | Buffer, file: string, { schema, otherColumns = 'error' }: ParquetOptions<Schema | undefined>, bad: BadRows): AsyncGenerator<Row, void, undefined> {
  const library = load();
  const handle = await open(path);
  try {
    const { size: byteLength } = await handle.stat();
    const buffer: Hyparquet.AsyncBuffer = {
      byteLength,
      slice: async (start, end = byteLength) => {
        const bytes = new Uint8Array(Math.max(Math.min(end, byteLength) - start, 0));
        await handle.read(bytes, 0, bytes.length, start);
        return bytes.buffer;
      },
    };
    const metadata = await reading(file, () => library.parquetMetadataAsync(buffer));
    const names = await reading(file, async () => library.parquetSchema(metadata).children.map(({ element }) => element.name));
    const columns = columnsOf(OP, file, names, schema, otherColumns, valueParser);
    for (const [rowStart, rowEnd] of partsOf(metadata.row_groups.map(({ num_rows }) => Number(num_rows)))) {
      const asked = { file: buffer, metadata, columns: columns.map(({ name }) => name), rowStart, rowEnd, compressors: compressors(), useOffsetIndex: true };
      const rows = await reading(file, () => library.parquetReadObjects(asked));
      for (const [i, row] of rows.entries()) {
        const read = schema === undefined ? (row as Row) : rowOfColumns(columns, ({ name }) => (row as Row)[name], rowStart + i + 1, bad);
        if (read !== undefined) yield read;
      }
    }
  } finally {
    await handle.close();
  }
}

/** Ranges of rows that are read together: row groups, or parts of them. */
export function* partsOf(groups: readonly number[], most = MOST_AT_ONCE): Generator<readonly [rowStart: number, rowEnd: number]> {
  let begin = 0;
  for (const size of groups) {
    for (let from = 0; from < size; from += most) yield [begin + from, begin + Math.min(from + most, size)];
    begin += size;
  }
}

/** Codecs beside those that hyparquet has itself. */
function compressors(): Hyparquet.Compressors {
  const { gunzipSync, brotliDecompressSync, ...more } = zlib();
  const zstd = (more as { readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array }).zstdDecompressSync;
  const bounded = (unpack: (bytes: Uint8Array, options: object) => Uint8Array) => (bytes: Uint8Array, size: number): Uint8Array => unpack(bytes, { maxOutputLength: Math.max(size, 1) });
  return { GZIP: bounded(gunzipSync), BROTLI: bounded(brotliDecompressSync), ...(zstd === undefined ? {} : { ZSTD: bounded(zstd) }) };
}

async function reading<R>(file: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read();
  } catch (cause) {
    const { message } = cause as Error;
    if (message.includes('unsupported compression codec')) throw new FileFormatError(`[${OP}] ${file} is packed by a codec that is not known here: hyparquet reports '${message}'. Write it with Snappy, gzip or Brotli; Zstandard is known from Node.js 22.15 on.`, { op: OP, cause });
    throw new FileFormatError(`[${OP}] ${file} is not a Parquet file that can be read: hyparquet reports '${message}'. Check the path, or copy the file again.`, { op: OP, cause });
  }
}
