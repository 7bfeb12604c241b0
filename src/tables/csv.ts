import { piecesOf } from '../data/file-pieces.js';
import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { checkChoice, checkOptions } from '../options.js';
import { type CsvFault, type CsvRecords, CsvScanner } from './csv-records.js';
import { AT_ONCE, BadRows, checkReader, columnsOf, type ReadColumn, READER_OPTIONS, type ReaderOptions, TableReader } from './reader.js';
import { checkSchema, type RowOf, type Schema, textParser } from './schema.js';
import type { Row } from './values.js';

const OP = 'data.csv';
/** Rows with faults in their quotes, each of which costs another look at the piece around it. */
const MOST_FAULTS = 1000;
const KNOWN = [...READER_OPTIONS, 'columns', 'delimiter', 'quote', 'comment', 'encoding', 'missing', 'decimal', 'maxRowLength'];

export interface CsvOptions<S extends Schema | undefined = undefined> extends ReaderOptions<S> {
  /** Names of the columns, of a file that does not begin with them. */
  readonly columns?: readonly string[] | undefined;
  /** Between fields. Default ',', and a tab for files whose name ends with .tsv or .tsv.gz. */
  readonly delimiter?: string | undefined;
  /** Around fields that contain a delimiter, a line break or, twice, the quote itself; false: quotes are text. Default '"'. Line breaks in them become \n. */
  readonly quote?: string | false | undefined;
  /** Beginning of lines that are passed over, such as '#'. Default: none. */
  readonly comment?: string | undefined;
  /** 'utf8', 'latin1' or 'utf16le'. Default 'utf8'. */
  readonly encoding?: 'utf8' | 'latin1' | 'utf16le' | undefined;
  /** Texts that stand for a gap, without spaces around them. Default ['']. */
  readonly missing?: readonly string[] | undefined;
  /** The decimal point of numbers. Default '.'. */
  readonly decimal?: '.' | ',' | undefined;
  /** Characters that a row may have, so that a quote that is never closed cannot fill the memory. Default 2^24. */
  readonly maxRowLength?: number | undefined;
}

/** Options with their defaults. */
interface CsvSetup {
  readonly path: string | Buffer;
  readonly file: string;
  readonly options: CsvOptions<Schema | undefined>;
}

/**
 * The rows of a file of comma-separated values (RFC 4180), read as they are asked for, in constant memory, packed by gzip or not. With a schema values are numbers, texts, truth values and
 * Dates, and null where they are missing; without one all are texts. Spaces around values that are not 'text' are no part of them.
 *
 *     const cars = data.csv('cars.csv', { schema: { name: 'text', power: 'number', made: 'date', origin: 'category' }, missing: ['', 'NA'], onBadRow: 'skip' });
 *     for await (const { power, origin } of cars) console.log(power, origin);
 *     console.log(cars.skippedRows, cars.skipped);
 *
 * Throws ArgumentError and AnnealError for options; in the loop DataError, with line and column, for a row that cannot be read, and for columns that differ from those of the schema;
 * FileFormatError for damaged gzip; Node.js's own error for a file that cannot be opened.
 */
export function csv<const S extends Schema>(path: FilePath, options: CsvOptions<S> & { readonly schema: S }): TableReader<RowOf<S>>;
export function csv(path: FilePath, options?: CsvOptions<undefined>): TableReader<{ readonly [column: string]: string | null }>;
export function csv(path: FilePath, options: CsvOptions<Schema | undefined> = {}): TableReader {
  checkOptions(OP, options, KNOWN);
  checkSchema(OP, options.schema);
  checkReader(OP, options);
  checkForm(options);
  const at = checkPath(OP, path);
  const setup: CsvSetup = { path: at, file: shownPath(at), options };
  return new TableReader(setup.file, () => new BadRows(OP, setup.file, options.onBadRow === 'skip'), (bad) => rowsOf(setup, bad));
}

function checkForm({ columns, delimiter, quote, comment, encoding, missing, decimal, maxRowLength }: CsvOptions<Schema | undefined>): void {
  const texts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (columns !== undefined && !(texts(columns) && columns.length > 0)) throw fail(`columns: got ${describeList(columns)}, expected names, as in ['age', 'city'].`);
  if (missing !== undefined && !texts(missing)) throw fail(`missing: got ${describeList(missing)}, expected texts, as in ['', 'NA'].`);
  for (const [name, value] of Object.entries({ delimiter, comment, ...(quote === false ? {} : { quote }) })) {
    if (value !== undefined && !(typeof value === 'string' && value.length > 0)) throw fail(`${name}: got ${describeValue(value)}, expected a text of at least one character.`);
  }
  if (encoding !== undefined) checkChoice(OP, 'encoding', encoding, ['utf8', 'latin1', 'utf16le']);
  if (decimal !== undefined) checkChoice(OP, 'decimal', decimal, ['.', ',']);
  if (maxRowLength !== undefined && !(Number.isSafeInteger(maxRowLength) && maxRowLength >= 1)) throw fail(`maxRowLength: got ${describeValue(maxRowLength)}, expected an integer of at least 1.`);
}

function fail(what: string): ArgumentError {
  return new ArgumentError(`[${OP}] ${what}`, { op: OP });
}

async function* rowsOf({ path, file, options }: CsvSetup, bad: BadRows): AsyncGenerator<Row, void, undefined> {
  const { schema, otherColumns = 'error', missing = [''], decimal = '.' } = options;
  const textOptions = { missing: new Set(missing), decimal };
  const columnsFor = (names: readonly string[]): ReadColumn[] => columnsOf(OP, file, names, schema, otherColumns, (type) => textParser(type, textOptions));
  let names = options.columns;
  let columns = names === undefined ? undefined : columnsFor(names);
  let faults = 0;
  for await (const part of partsOf(path, file, options)) {
    if ('kind' in part) {
      noteFault(part, bad);
      if (++faults > MOST_FAULTS) throw new DataError(`[${OP}] ${file}: got more than ${MOST_FAULTS} rows whose quotes do not fit together, expected a file of another form. Read quotes as text: { quote: false }.`, { op: OP });
      continue;
    }
    const { records } = part;
    for (let i = 0; i < records.length; i++) {
      const fields = records[i]!;
      if (fields.length === 1 && fields[0] === '') continue;
      if (names === undefined || columns === undefined) {
        names = fields.map((name) => name.trim());
        columns = columnsFor(names);
        continue;
      }
      const row = rowOf(fields, names, columns, part, i, bad);
      if (row !== undefined) yield row;
    }
  }
  if (names === undefined) throw new DataError(`[${OP}] ${file} is empty: got no line, expected one with the names of the columns. Check the path.`, { op: OP });
}

/** A row with its values; undefined where it was left out. */
function rowOf(fields: readonly string[], names: readonly string[], columns: readonly ReadColumn[], { line }: CsvRecords, record: number, bad: BadRows): Row | undefined {
  if (fields.length !== names.length) {
    const advice = fields.length > names.length ? 'Put fields that contain a delimiter into quotes, or give the right delimiter.' : 'Give the right delimiter, or complete the row.';
    bad.add(line(record), undefined, `got ${fields.length} fields, expected ${names.length}`, advice);
    return undefined;
  }
  const row: Record<string, unknown> = {};
  for (const { name, at, read } of columns) {
    const text = fields[at]!;
    try {
      row[name] = (read as (text: string) => unknown)(text);
    } catch (error) {
      bad.wrong(line(record), name, text, error);
      return undefined;
    }
  }
  return row;
}

/** Rows as fields, those of one piece of the file together, and faults between them. */
async function* partsOf(path: string | Buffer, file: string, { delimiter, quote = '"', comment, encoding = 'utf8', maxRowLength = 2 ** 24 }: CsvOptions<Schema | undefined>): AsyncGenerator<CsvRecords | CsvFault, void, undefined> {
  const scanner = new CsvScanner({ delimiter: delimiter ?? (/\.tsv(\.gz)?$/i.test(file) ? '\t' : ','), quote: quote === false ? undefined : quote, comment, longest: maxRowLength });
  const decoder = new TextDecoder(encoding === 'utf16le' ? 'utf-16le' : encoding, { fatal: true });
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      throw new DataError(`[${OP}] ${file}: got bytes that are no ${encoding}, expected text. Name its encoding, as in { encoding: 'latin1' }.`, { op: OP, cause });
    }
  };
  for await (const piece of piecesOf(OP, path)) {
    for (let at = 0; at < piece.length; at += AT_ONCE) yield* scanner.write(decode(piece.subarray(at, at + AT_ONCE)), false);
  }
  yield* scanner.write(decode(), true);
}

const FAULTS: { readonly [K in CsvFault['kind']]: readonly [what: string, advice: string] } = {
  closing: ['got something behind a closing quote, expected a delimiter', 'Write a quote in a quoted field twice, or read quotes as text: { quote: false }.'],
  unclosed: ['got a quote that is never closed, expected another one', 'Close it, or read quotes as text: { quote: false }.'],
  tooLong: ['got a row of more than maxRowLength, expected a shorter one: a quote may never be closed', 'Close it, read quotes as text by { quote: false }, or give a larger maxRowLength.'],
};

function noteFault({ line, kind }: CsvFault, bad: BadRows): void {
  bad.add(line, undefined, ...FAULTS[kind]);
}
