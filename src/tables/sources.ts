// Rows for data.table(): from memory, or from a file, whose kind its name tells.
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { arrow } from './arrow.js';
import { csv, type CsvOptions } from './csv.js';
import { jsonLines } from './json-lines.js';
import { parquet } from './parquet.js';
import type { Rows } from './pipeline.js';
import { TableReader } from './reader.js';
import type { ColumnKind, Schema } from './schema.js';

/** Options of the reader of a file whose columns are known already. */
export type ReadOptions = Omit<CsvOptions<Schema>, 'schema' | 'otherColumns'>;

type Reader = (path: FilePath, options: CsvOptions<Schema>) => TableReader;

const READERS: readonly (readonly [ending: RegExp, reader: Reader])[] = [
  [/\.(csv|tsv|txt)(\.gz)?$/i, csv as Reader],
  [/\.(jsonl|ndjson)(\.gz)?$/i, jsonLines as Reader],
  [/\.parquet$/i, parquet as Reader],
  [/\.(arrow|feather|ipc)$/i, arrow as Reader],
];

/** The rows of a source, a file with the columns of a schema. Throws ArgumentError for what is none. */
export function rowsFrom(op: string, source: Rows | FilePath, schema: { readonly [column: string]: ColumnKind }, read: ReadOptions | undefined): Rows {
  if (source instanceof TableReader || isRows(source)) {
    if (read !== undefined) throw new ArgumentError(`[${op}] read: got it for ${source instanceof TableReader ? 'rows that have a reader' : 'rows in memory'}, expected it for a path. Give these options to the reader, or leave them out.`, { op });
    return source;
  }
  const path = shownPath(checkPath(op, source));
  const reader = READERS.find(([ending]) => ending.test(path))?.[1];
  if (reader === undefined) throw new ArgumentError(`[${op}] rows: got the file ${path}, expected one that ends with .csv, .tsv, .jsonl, .parquet or .arrow. Name its reader: data.table(data.csv(path), ...).`, { op });
  return reader(source as FilePath, { ...read, schema, otherColumns: 'ignore' });
}

function isRows(source: unknown): source is Rows {
  if (typeof source === 'string' || source instanceof Uint8Array || source instanceof URL) return false;
  if (typeof source === 'object' && source !== null && (Symbol.iterator in source || Symbol.asyncIterator in source)) return true;
  throw new ArgumentError(`[data.table] rows: got ${describeValue(source)}, expected the path of a file, an array of objects, or rows that come one by one, as those of data.csv(path).`, { op: 'data.table' });
}
