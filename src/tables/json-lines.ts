import type * as Decoder from 'node:string_decoder';
import { piecesOf } from '../data/file-pieces.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { lazyRequire } from '../lazy-require.js';
import { checkOptions } from '../options.js';
import { AT_ONCE, BadRows, checkReader, READER_OPTIONS, type ReaderOptions, TableReader } from './reader.js';
import { typedRow, typedColumns } from './typed-rows.js';
import { checkSchema, type RowOf, type Schema } from './schema.js';
import type { Row } from './values.js';

const decoder = lazyRequire<typeof Decoder>('node:string_decoder');

const OP = 'data.jsonLines';
/** Characters that a line may have, so that a file without line breaks cannot fill the memory. */
const LONGEST_LINE = 2 ** 24;

export type JsonLinesOptions<S extends Schema | undefined = undefined> = ReaderOptions<S>;

/**
 * The rows of a file with a JSON object on each line (https://jsonlines.org), read as they are asked for, in constant memory, packed by gzip or not. With a schema rows have its columns: one that is
 * not there, or null, is null. Without one they are the objects as they are.
 *
 *     const events = data.jsonLines('events.jsonl', { schema: { kind: 'category', at: 'date', ms: 'number' }, otherColumns: 'ignore' });
 *     for await (const { kind, ms } of events) console.log(kind, ms);
 *
 * Throws as data.csv() does.
 */
export function jsonLines<const S extends Schema>(path: FilePath, options: JsonLinesOptions<S> & { readonly schema: S }): TableReader<RowOf<S>>;
export function jsonLines(path: FilePath, options?: JsonLinesOptions): TableReader;
export function jsonLines(path: FilePath, options: JsonLinesOptions<Schema | undefined> = {}): TableReader {
  checkOptions(OP, options, READER_OPTIONS);
  checkSchema(OP, options.schema);
  checkReader(OP, options);
  const at = checkPath(OP, path);
  const file = shownPath(at);
  return new TableReader(file, () => new BadRows(OP, file, options.onBadRow === 'skip'), (bad) => rowsOf(at, options, bad));
}

async function* rowsOf(path: string | Buffer, { schema, otherColumns = 'error' }: JsonLinesOptions<Schema | undefined>, bad: BadRows): AsyncGenerator<Row, void, undefined> {
  const columns = schema && typedColumns(schema);
  for await (const [line, text] of linesOf(path, bad)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      bad.add(line, undefined, `got no JSON (${(error as Error).message}), expected an object`, 'Correct the line.');
      continue;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      bad.add(line, undefined, `got ${Array.isArray(value) ? 'an array' : JSON.stringify(value)}, expected an object`, 'Correct the line.');
      continue;
    }
    const row = columns === undefined ? (value as Row) : typedRow(value as Row, columns, otherColumns, line, bad);
    if (row !== undefined) yield row;
  }
}

/** Lines that are not empty, with their numbers from 1. */
async function* linesOf(path: string | Buffer, bad: BadRows): AsyncGenerator<readonly [line: number, text: string], void, undefined> {
  const utf8 = new (decoder().StringDecoder)('utf8');
  let line = 0;
  let rest = '';
  let tooLong = false;
  const whole = function* (text: string): Generator<readonly [number, string]> {
    line++;
    if (tooLong || text.length > LONGEST_LINE) bad.add(line, undefined, `got a line of more than ${LONGEST_LINE} characters, expected a shorter one`, 'JSON lines have an object on each line, without line breaks inside.');
    else if (text.trim() !== '') yield [line, line === 1 ? text.replace(/^\uFEFF/, '') : text];
    tooLong = false;
  };
  for await (const piece of piecesOf(OP, path)) {
    for (let at = 0; at < piece.length; at += AT_ONCE) {
      const parts = utf8.write(piece.subarray(at, at + AT_ONCE)).split('\n');
      for (const [i, part] of parts.entries()) {
        rest += part;
        if (rest.length > LONGEST_LINE) [rest, tooLong] = ['', true];
        if (i === parts.length - 1) break;
        yield* whole(rest);
        rest = '';
      }
    }
  }
  rest += utf8.end();
  if (rest !== '' || tooLong) yield* whole(rest);
}
