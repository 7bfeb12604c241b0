import { open } from 'node:fs/promises';
import type * as Arrow from 'apache-arrow';
import { FileFormatError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { lazyRequire } from '../lazy-require.js';
import { checkOptions } from '../options.js';
import { readerMissing } from './optional-reader.js';
import { BadRows, checkReader, columnsOf, type ReadColumn, READER_OPTIONS, type ReaderOptions, rowOfColumns, TableReader } from './reader.js';
import { checkSchema, type RowOf, type Schema, valueParser } from './schema.js';
import type { Row } from './values.js';

const arrowLibrary = lazyRequire<typeof Arrow>('apache-arrow');

const OP = 'data.arrow';

export type ArrowOptions<S extends Schema | undefined = undefined> = ReaderOptions<S>;

function library(): typeof Arrow {
  try {
    return arrowLibrary();
  } catch (cause) {
    throw readerMissing(OP, 'Arrow', 'apache-arrow', cause);
  }
}

/**
 * The rows of a file of Apache Arrow's, a file (Feather version 2) or a stream, a record batch at a time, by apache-arrow, which you install beside anneal: `npm install apache-arrow`. Without a schema
 * rows have all columns as they are; whole numbers of 64 bits are bigints, and times milliseconds since 1970.
 *
 *     const people = data.arrow('people.arrow', { schema: { id: 'ignore', age: 'number', city: 'category' } });
 *     for await (const { age, city } of people) console.log(age, city);
 *
 * Throws as data.csv() does, with the number of a row for its line; AnnealError (ANNEAL_OPTIONAL_MISSING) in the loop where apache-arrow is not installed, FileFormatError for what is no Arrow file.
 */
export function arrow<const S extends Schema>(path: FilePath, options: ArrowOptions<S> & { readonly schema: S }): TableReader<RowOf<S>>;
export function arrow(path: FilePath, options?: ArrowOptions): TableReader;
export function arrow(path: FilePath, options: ArrowOptions<Schema | undefined> = {}): TableReader {
  checkOptions(OP, options, READER_OPTIONS);
  checkSchema(OP, options.schema);
  checkReader(OP, options);
  const at = checkPath(OP, path);
  const file = shownPath(at);
  return new TableReader(file, () => new BadRows(OP, file, options.onBadRow === 'skip', 'row'), (bad) => rowsOf(at, file, options, bad));
}

async function* rowsOf(path: string | Buffer, file: string, { schema, otherColumns = 'error' }: ArrowOptions<Schema | undefined>, bad: BadRows): AsyncGenerator<Row, void, undefined> {
  const { RecordBatchReader } = library();
  const stream = (await open(path)).createReadStream();
  let number = 0;
  let columns: ReadColumn[] | undefined;
  try {
    for await (const batch of batchesOf(file, RecordBatchReader, stream)) {
      columns ??= columnsOf(OP, file, batch.schema.fields.map(({ name }) => name), schema, otherColumns, schema === undefined ? asItIs : valueParser);
      const vectors = columns.map(({ at }) => batch.getChildAt(at)!);
      for (let i = 0; i < batch.numRows; i++) {
        number++;
        const row = rowOfColumns(columns, (_, c) => vectors[c]!.get(i), number, bad);
        if (row !== undefined) yield row;
      }
    }
  } finally {
    stream.destroy();
  }
}

/** Values without a schema. */
const asItIs = () => (value: unknown): unknown => value;

async function* batchesOf(file: string, reader: typeof Arrow.RecordBatchReader, stream: NodeJS.ReadableStream): AsyncGenerator<Arrow.RecordBatch, void, undefined> {
  try {
    const opened = await reader.from(stream);
    await opened.open();
    if (opened.schema === undefined) throw new Error('it has no schema');
    yield* opened as AsyncIterable<Arrow.RecordBatch>;
  } catch (cause) {
    const { syscall, message } = cause as NodeJS.ErrnoException;
    if (syscall !== undefined) throw cause;
    throw new FileFormatError(`[${OP}] ${file} is not an Arrow file that can be read: apache-arrow reports '${message}'. Check the path, or copy the file again.`, { op: OP, cause });
  }
}
