// Rows of files whose values have types already.
import { type BadRows, type ReadColumn } from './reader.js';
import { type Schema, valueParser } from './schema.js';
import type { Row } from './values.js';

/** Columns of a schema with the functions of their values. */
export interface TypedColumns {
  readonly schema: Schema;
  readonly columns: readonly ReadColumn[];
}

export function typedColumns(schema: Schema): TypedColumns {
  const columns = Object.entries(schema).flatMap(([name, type], at) => (type === 'ignore' ? [] : [{ name, at, read: valueParser(type) }]));
  return { schema, columns };
}

/** The row with the columns of a schema; undefined where it was left out. */
export function typedRow(value: Row, { schema, columns }: TypedColumns, otherColumns: 'error' | 'ignore', line: number, bad: BadRows): Row | undefined {
  if (otherColumns === 'error') {
    for (const name in value) {
      if (Object.hasOwn(schema, name)) continue;
      bad.add(line, name, 'got a column that the schema does not name, expected those of the schema', "Name its kind, or 'ignore', or leave all others out: { otherColumns: 'ignore' }.");
      return undefined;
    }
  }
  const row: Record<string, unknown> = {};
  for (const { name, read } of columns) {
    const given = Object.hasOwn(value, name) ? value[name] : null;
    try {
      row[name] = (read as (value: unknown) => unknown)(given);
    } catch (error) {
      bad.wrong(line, name, given, error);
      return undefined;
    }
  }
  return row;
}
