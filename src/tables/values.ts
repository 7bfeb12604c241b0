// Values of rows as columns read them: a gap, or a value of the column's kind.
import { describeValue } from '../describe-value.js';
import { DataError } from '../errors.js';

/** A row of a table: values by the names of their columns. */
export interface Row {
  readonly [column: string]: unknown;
}

/** Place of a value, as messages say it. The number of the row changes while rows are read. */
export interface Place {
  readonly op: string;
  readonly column: string;
  /** From 0; undefined of a row by itself. */
  row: number | undefined;
}

/** Returns whether a value stands for none: null, undefined and NaN. */
export function isGap(value: unknown): value is null | undefined {
  return value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value));
}

/** The error of a value that its column does not take. */
export function wrongValue({ op, column, row }: Place, value: unknown, expected: string, advice: string): DataError {
  const got = typeof value === 'string' && value.length > 60 ? `'${value.slice(0, 60)}...'` : describeValue(value);
  return new DataError(`[${op}] column '${column}'${row === undefined ? '' : `, row ${row}`}: got ${got}, expected ${expected}. ${advice}`, { op });
}

/** A column as a key of an object is written. */
export const keyOf = (column: string): string => (/^[A-Za-z_$][\w$]*$/.test(column) ? column : `'${column}'`);

/** A number; NaN of a gap. Truth values are 0 and 1. */
export function numberOf(value: unknown, place: Place): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value) || Number.isNaN(value)) return value;
    throw wrongValue(place, value, 'a finite number', 'Correct it, or give null for a gap.');
  }
  if (isGap(value)) return NaN;
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value);
  const advice = typeof value === 'string' ? `Read it as a number: data.csv(path, { schema: { ${keyOf(place.column)}: 'number' } }), or Number(text).` : 'Convert it, or give null for a gap.';
  throw wrongValue(place, value, 'a number', advice);
}

/** The name of a category; undefined of a gap. 3 and '3' are the same one. */
export function categoryOf(value: unknown, place: Place): string | undefined {
  if (typeof value === 'string') return value;
  if (isGap(value)) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw wrongValue(place, value, 'a string, a number or a truth value', 'Convert it by String(value), or give null for a gap.');
}

/** A text; undefined of a gap. */
export function textOf(value: unknown, place: Place): string | undefined {
  if (typeof value === 'string') return value;
  if (isGap(value)) return undefined;
  throw wrongValue(place, value, 'a string', 'Convert it by String(value), or give null for a gap.');
}

/** ISO 8601, from years to fractions of a second. */
const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Milliseconds since 1970 of an ISO 8601 date, in UTC where it names no offset; undefined for any other text, and for days that no calendar has. */
export function parseIsoDate(text: string): number | undefined {
  const parts = ISO.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [number, number, number, number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, Math.trunc(Number(`0.${parts[7] ?? 0}`) * 1000)));
  date.setUTCFullYear(year < 100 ? year : date.getUTCFullYear());
  const valid = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return valid ? date.getTime() - offsetOf(parts[8]) : undefined;
}

/** Milliseconds that a time zone such as +02:00 is ahead of UTC. */
function offsetOf(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith('-') ? -60_000 : 60_000) * (60 * hours + minutes);
}

/** Milliseconds since 1970; NaN of a gap. */
export function timeOf(value: unknown, place: Place): number {
  if (isGap(value)) return NaN;
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? (parseIsoDate(value) ?? NaN) : typeof value === 'number' ? value : NaN;
  if (Number.isFinite(time) && Math.abs(time) <= 8.64e15) return time;
  throw wrongValue(place, value instanceof Date ? 'an invalid Date' : value, 'a Date, an ISO 8601 text such as 2024-02-29T13:05Z, or milliseconds since 1970', 'Convert it, or give null for a gap.');
}
