// Kinds of the columns of a file, and the types of rows that follow from them.
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkChoice } from '../options.js';
import { isRecord } from '../records.js';
import { isGap, parseIsoDate } from './values.js';

/** Kinds of columns: 'category' is a short text, 'text' any, and 'ignore' is left out of rows. */
export type ColumnKind = 'number' | 'boolean' | 'category' | 'text' | 'date' | 'ignore';

/** A kind, or a function from the text of a file to a value. */
export type ColumnType = ColumnKind | ((text: string) => unknown);

/** Kinds of columns by name. */
export interface Schema {
  readonly [column: string]: ColumnType;
}

type ValueOf<K> = K extends 'number' ? number | null : K extends 'boolean' ? boolean | null : K extends 'category' | 'text' ? string | null : K extends 'date' ? Date | null : K extends (text: string) => infer V ? V | null : unknown;

/** A row of a file with a schema: a missing value is null. */
export type RowOf<S extends Schema> = { readonly [K in keyof S as S[K] extends 'ignore' ? never : K]: ValueOf<S[K]> };

export const KINDS: readonly ColumnKind[] = ['number', 'boolean', 'category', 'text', 'date', 'ignore'];

/** A value that its column does not take: what was expected, and what to do. */
export class WrongValue extends Error {
  readonly expected: string;
  readonly advice: string;

  constructor(expected: string, advice: string) {
    super(expected);
    this.expected = expected;
    this.advice = advice;
  }
}

/** Throws ArgumentError for what is no schema. */
export function checkSchema(op: string, schema: unknown): asserts schema is Schema | undefined {
  if (schema === undefined) return;
  if (!isRecord(schema) || Object.keys(schema).length === 0) throw new ArgumentError(`[${op}] schema: got ${isRecord(schema) ? 'no columns' : describeValue(schema)}, expected a kind for each column, as in { schema: { age: 'number', city: 'category' } }.`, { op });
  for (const [column, kind] of Object.entries(schema)) if (typeof kind !== 'function') checkChoice(op, `kind of column '${column}'`, kind, KINDS);
}

/** Options by which texts become values. */
export interface TextOptions {
  readonly missing: ReadonlySet<string>;
  readonly decimal: '.' | ',';
}

const YES = new Set(['true', 'yes', '1']);
const NO = new Set(['false', 'no', '0']);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Makes values of the texts of a file. Throws WrongValue. */
export function textParser(type: ColumnType, { missing, decimal }: TextOptions): (text: string) => unknown {
  const read = readerOf(type, decimal);
  const keepsSpaces = type === 'text' || typeof type === 'function';
  return (text) => {
    const trimmed = text.trim();
    if (missing.has(trimmed)) return null;
    return read(keepsSpaces ? text : trimmed);
  };
}

function readerOf(type: ColumnType, decimal: '.' | ','): (text: string) => unknown {
  if (typeof type === 'function') {
    return (text) => {
      try {
        return type(text);
      } catch (error) {
        throw new WrongValue('what its function takes', `It says: ${error instanceof Error ? error.message : String(error)}.`);
      }
    };
  }
  switch (type) {
    case 'number':
      return (text) => readNumber(text, decimal);
    case 'boolean':
      return (text) => {
        const lower = text.toLowerCase();
        if (YES.has(lower)) return true;
        if (NO.has(lower)) return false;
        throw new WrongValue('true or false, yes or no, 1 or 0', gapAdvice(text));
      };
    case 'date':
      return (text) => {
        const time = parseIsoDate(text);
        if (time !== undefined) return new Date(time);
        throw new WrongValue('an ISO 8601 date, such as 2024-02-29 or 2024-02-29T13:05Z', `For other formats give a function: { schema: { when: (text) => new Date(...) } }. ${gapAdvice(text)}`);
      };
    case 'category':
    case 'text':
    case 'ignore':
      return (text) => text;
  }
}

function readNumber(text: string, decimal: '.' | ','): number {
  const point = decimal === ',' ? text.replace(',', '.') : text;
  const value = NUMBER.test(point) && (decimal === '.' || !text.includes('.')) ? Number(point) : NaN;
  if (Number.isFinite(value)) return value;
  const comma = decimal === '.' && /^[+-]?\d+,\d+$/.test(text) ? "For decimal commas: { decimal: ',' }. " : '';
  throw new WrongValue('a number', `${comma}${gapAdvice(text)}`);
}

function gapAdvice(text: string): string {
  return `If it stands for a gap: { missing: ['', '${text.slice(0, 20)}'] }.`;
}

/** Makes values of those of a file that has types itself, as JSON, Parquet and Arrow. Throws WrongValue. */
export function valueParser(type: ColumnType): (value: unknown) => unknown {
  if (typeof type === 'function') {
    const [read, text] = [readerOf(type, '.'), typedReader('text')];
    return (value) => (isGap(value) ? null : read(text(value) as string));
  }
  const read = typedReader(type);
  return (value) => (isGap(value) ? null : read(value));
}

function typedReader(kind: ColumnKind): (value: unknown) => unknown {
  const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : undefined);
  switch (kind) {
    case 'number':
      return (value) => {
        const number = typeof value === 'bigint' ? Number(value) : value;
        if (typeof number === 'number' && Number.isFinite(number)) return number;
        throw new WrongValue('a number', typeof value === 'string' ? 'Numbers have no quotes; for texts give a function: (text) => Number(text).' : 'Correct it, or write null for a gap.');
      };
    case 'boolean':
      return (value) => {
        if (typeof value === 'boolean') return value;
        throw new WrongValue('true or false', 'Correct it, or write null for a gap.');
      };
    case 'date':
      return (value) => {
        const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? parseIsoDate(value.trim()) : typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
        if (time !== undefined && Math.abs(time) <= 8.64e15) return new Date(time);
        throw new WrongValue('a date: ISO 8601, such as 2024-02-29T13:05Z, or milliseconds since 1970', 'Correct it, or write null for a gap.');
      };
    case 'category':
    case 'text':
    case 'ignore':
      return (value) => {
        const text = asText(value);
        if (text !== undefined) return kind === 'category' ? text.trim() : text;
        throw new WrongValue('a text', 'Correct it, or write null for a gap.');
      };
  }
}
