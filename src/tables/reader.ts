import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkChoice, checkOptions, suggestion } from '../options.js';
import { type Schema, WrongValue } from './schema.js';
import type { Row } from './values.js';

/** A row that was left out. */
export interface SkippedRow {
  /** Line of the file on which it begins, or number of the row where there are no lines; both from 1. */
  readonly line: number;
  /** Column of the value at fault; undefined where it is the row as a whole. */
  readonly column: string | undefined;
  readonly reason: string;
}

/** Options of all readers. */
export interface ReaderOptions<S extends Schema | undefined> {
  /** Kind of each column: 'number', 'boolean', 'category', 'text', 'date', 'ignore', or a function of the text. Types of rows follow from it. */
  readonly schema?: S | undefined;
  /** 'throw' ends the pass at a row that cannot be read; 'skip' leaves it out and counts it: `skippedRows` and `skipped`. Default 'throw'. */
  readonly onBadRow?: 'throw' | 'skip' | undefined;
  /** Columns that the schema does not name: an error, or left out. Default 'error', as they may be misspelled. */
  readonly otherColumns?: 'error' | 'ignore' | undefined;
}

export const READER_OPTIONS = ['schema', 'onBadRow', 'otherColumns'] as const;

export function checkReader(op: string, { onBadRow, otherColumns }: ReaderOptions<Schema | undefined>): void {
  if (onBadRow !== undefined) checkChoice(op, 'onBadRow', onBadRow, ['throw', 'skip']);
  if (otherColumns !== undefined) checkChoice(op, 'otherColumns', otherColumns, ['error', 'ignore']);
}

/** Bytes of a file whose rows are there together: few enough to be gone before the garbage collector moves them. */
export const AT_ONCE = 2 ** 15;

/** Skipped rows that are kept with their reasons; the others are counted. */
const MOST_KEPT = 1000;

/** Rows of one pass that cannot be read: they end it, or are noted. */
export class BadRows {
  readonly kept: SkippedRow[] = [];
  count = 0;
  readonly #op: string;
  readonly #file: string;
  readonly #skips: boolean;
  readonly #unit: 'line' | 'row';

  constructor(op: string, file: string, skips: boolean, unit: 'line' | 'row' = 'line') {
    this.#op = op;
    this.#file = file;
    this.#skips = skips;
    this.#unit = unit;
  }

  /** Notes a row. Throws DataError unless such rows are to be left out. */
  add(line: number, column: string | undefined, what: string, advice: string): void {
    const place = `${this.#unit} ${line}${column === undefined ? '' : `, column '${column}'`}`;
    if (!this.#skips) throw new DataError(`[${this.#op}] ${this.#file}, ${place}: ${what}. ${advice} { onBadRow: 'skip' } leaves such rows out.`, { op: this.#op });
    this.count++;
    if (this.kept.length < MOST_KEPT) this.kept.push({ line, column, reason: what });
  }

  /** Notes a row for an error of one of its values. */
  wrong(line: number, column: string, value: unknown, error: unknown): void {
    if (!(error instanceof WrongValue)) throw error;
    const got = typeof value === 'string' && value.length > 60 ? `'${value.slice(0, 60)}...'` : describeValue(value);
    this.add(line, column, `got ${got}, expected ${error.expected}`, error.advice);
  }
}

/** A column of rows: its name, and the function of its values. */
export interface ReadColumn {
  readonly name: string;
  /** Number of the column in the file. */
  readonly at: number;
  readonly read: (value: never) => unknown;
}

/** The columns of a file that rows have. Throws DataError for those that only the schema or only the file has. */
export function columnsOf(op: string, file: string, names: readonly string[], schema: Schema | undefined, otherColumns: 'error' | 'ignore', parser: (type: Schema[string]) => (value: never) => unknown): ReadColumn[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DataError(`[${op}] ${file}: got two columns that are called '${twice}', expected names that differ. Give names: { columns: ['a', 'b'] }.`, { op });
  if (names.includes('__proto__')) throw new DataError(`[${op}] ${file}: got a column that is called __proto__, expected a name that an object can have. Rename it.`, { op });
  const missing = Object.keys(schema ?? {}).find((name) => !names.includes(name));
  if (missing !== undefined) throw new DataError(`[${op}] ${file} has no column '${missing}': got ${listed(names)}, expected those that were asked for.${suggestion(missing, names, "'")} Correct its name.`, { op });
  const other = schema === undefined ? undefined : names.find((name) => !Object.hasOwn(schema, name));
  if (other !== undefined && otherColumns === 'error') throw new DataError(`[${op}] ${file} has the column '${other}': got ${listed(names)}, expected those of the schema. Name its kind, or 'ignore', or leave all others out: { otherColumns: 'ignore' }.`, { op });
  return names.flatMap((name, at) => {
    const type = schema === undefined ? 'text' : schema[name];
    return type === undefined || type === 'ignore' ? [] : [{ name, at, read: parser(type) }];
  });
}

const listed = (names: readonly string[]): string => `${names.slice(0, 20).join(', ')}${names.length > 20 ? `, ... (${names.length})` : ''}`;

/** Opens a pass over the rows of a file. */
export type OpenRows<R> = (bad: BadRows) => AsyncIterable<R>;

/**
 * The rows of a file, which is read while they are asked for, from its beginning by each loop: `for await (const row of reader)`. Rows that were left out are told of the last pass, while it goes
 * on and after it.
 */
export class TableReader<R extends Row = Row> implements AsyncIterable<R> {
  /** Path of the file, as it was given. */
  readonly path: string;
  readonly #open: OpenRows<R>;
  readonly #newLog: () => BadRows;
  #bad: BadRows | undefined;

  constructor(path: string, newLog: () => BadRows, open: OpenRows<R>) {
    this.path = path;
    this.#newLog = newLog;
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<R> {
    this.#bad = this.#newLog();
    return this.#open(this.#bad)[Symbol.asyncIterator]();
  }

  /** Number of rows that the last pass has left out. */
  get skippedRows(): number {
    return this.#bad?.count ?? 0;
  }

  /** Rows that the last pass has left out, with reasons: the first thousand. */
  get skipped(): readonly SkippedRow[] {
    return this.#bad?.kept ?? [];
  }

  /**
   * Reads all rows into memory, or the first `limit` of them.
   *
   *     const rows = await data.csv('cars.csv').read({ limit: 10 });
   *
   * Throws ArgumentError for what is no number of rows, and as the file's reader says.
   */
  async read(options: { readonly limit?: number | undefined } = {}): Promise<R[]> {
    checkOptions('read', options, ['limit']);
    const { limit = Infinity } = options;
    if (!(limit === Infinity || (Number.isSafeInteger(limit) && limit >= 1))) throw new ArgumentError(`[read] limit: got ${describeValue(limit)}, expected an integer of at least 1.`, { op: 'read' });
    const rows: R[] = [];
    for await (const row of this) {
      rows.push(row);
      if (rows.length >= limit) break;
    }
    return rows;
  }

  toJSON(): object {
    return { path: this.path, skippedRows: this.skippedRows };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('TableReader', this.toJSON(), depth, options, inspect);
  }
}

/** A row of these columns, whose values are read by their kinds; undefined where one is wrong, which `bad` is told. */
export function rowOfColumns(columns: readonly ReadColumn[], valueOf: (column: ReadColumn, c: number) => unknown, number: number, bad: BadRows): Row | undefined {
  const row: Record<string, unknown> = {};
  for (const [c, column] of columns.entries()) {
    const value = valueOf(column, c);
    try {
      row[column.name] = (column.read as (value: unknown) => unknown)(value);
    } catch (error) {
      bad.wrong(number, column.name, value, error);
      return undefined;
    }
  }
  return row;
}
