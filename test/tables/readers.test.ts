import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Bool, Dictionary, Int32, Int64, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrow, csv, type CsvOptions, jsonLines, parquet, type Row, type TableReader } from '../../src/data/index.js';
import { partsOf } from '../../src/tables/parquet.js';
import { readerMissing } from '../../src/tables/optional-reader.js';

let folder: string;
let files = 0;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'anneal-tables-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** Path of a new file. */
function file(content: string | Uint8Array, name = `${files++}.csv`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
/** A message, in which the folder stands for itself. */
const messageOf = async (reader: TableReader): Promise<string> => reader.read().then(() => 'read', (error: Error) => error.message.replaceAll(`${folder}/`, '').replaceAll(/^(\[.*?\]) \d+\.csv/g, '$1 FILE'));

const schema = { id: 'number', age: 'number', city: 'category', when: 'date', note: 'text' } as const;
const messy = '\uFEFFid,age, city ,when,note\r\n1,20, Oslo ,2024-01-01,"a ""q"", b"\r\n\r\n2,NA,Bergen,2024-01-02T10:00Z,"two\r\nlines"\r\n3,x,Oslo,2024-13-01,c\r\n4,30,Oslo\r\n5,31,Oslo,2024-01-01,oops "quoted" x\r\n6,"32",Oslo,2024-01-01,"bad"x\r\n7,33,Oslo,2024-01-01,fine';

describe('csv', () => {
  it('reads quotes, line breaks, spaces and gaps, and leaves wrong rows out with their lines', async () => {
    const reader = csv(file(messy), { schema, missing: ['', 'NA'], onBadRow: 'skip' });
    expect(await reader.read()).toEqual([
      { id: 1, age: 20, city: 'Oslo', when: new Date('2024-01-01'), note: 'a "q", b' },
      { id: 2, age: null, city: 'Bergen', when: new Date('2024-01-02T10:00Z'), note: 'two\nlines' },
      { id: 5, age: 31, city: 'Oslo', when: new Date('2024-01-01'), note: 'oops "quoted" x' },
      { id: 7, age: 33, city: 'Oslo', when: new Date('2024-01-01'), note: 'fine' },
    ]);
    expect(reader.skippedRows).toBe(3);
    expect(reader.skipped).toEqual([
      { line: 6, column: 'age', reason: "got 'x', expected a number" },
      { line: 7, column: undefined, reason: 'got 3 fields, expected 5' },
      { line: 9, column: undefined, reason: 'got something behind a closing quote, expected a delimiter' },
    ]);
    await reader.read();
    expect(reader.skippedRows).toBe(3);
  });

  it('ends at a wrong row where nothing else was said', async () => {
    const rows: Row[] = [];
    const loop = async (): Promise<void> => {
      for await (const row of csv(file(messy), { schema, missing: ['', 'NA'] })) rows.push(row);
    };
    await expect(loop()).rejects.toThrow(/line 6, column 'age': got 'x', expected a number\. If it stands for a gap: \{ missing: \['', 'x'\] \}\. \{ onBadRow: 'skip' \} leaves such rows out\.$/);
    expect(rows).toHaveLength(2);
  });

  it.each<[string, string, CsvOptions<never>, string]>([
    ['a number with a decimal comma', 'a;b\n1,5;x', { delimiter: ';', schema: { a: 'number', b: 'text' } as never }, "[data.csv] FILE, line 2, column 'a': got '1,5', expected a number. For decimal commas: { decimal: ',' }."],
    ['a hexadecimal number', 'a\n0x10', { schema: { a: 'number' } as never }, "got '0x10', expected a number"],
    ['infinity', 'a\nInfinity', { schema: { a: 'number' } as never }, "got 'Infinity', expected a number"],
    ['a number beyond doubles', 'a\n1e999', { schema: { a: 'number' } as never }, "got '1e999', expected a number"],
    ['a day that there is not', 'a\n2023-02-29', { schema: { a: 'date' } as never }, "got '2023-02-29', expected an ISO 8601 date"],
    ['maybe', 'a\nmaybe', { schema: { a: 'boolean' } as never }, "got 'maybe', expected true or false, yes or no, 1 or 0"],
    ['what a function does not take', 'a\n1', { schema: { a: () => { throw new Error('no such day'); } } as never }, "got '1', expected what its function takes. It says: no such day."],
    ['a field too many', 'a,b\n\n1,2,3', {}, '[data.csv] FILE, line 3: got 3 fields, expected 2. Put fields that contain a delimiter into quotes'],
    ['a quote that is never closed', 'a,b\n1,2\n"3,4\n5,6', {}, '[data.csv] FILE, line 3: got a quote that is never closed, expected another one.'],
    ['a row that is too long', `a\n"${'x'.repeat(200)}`, { maxRowLength: 100 }, '[data.csv] FILE, line 2: got a row of more than maxRowLength, expected a shorter one: a quote may never be closed.'],
    ['a column that is not there', 'age,city\n1,2', { schema: { agee: 'number' } as never }, "[data.csv] FILE has no column 'agee': got age, city, expected those that were asked for. Did you mean 'age'? Correct its name."],
    ['a column more than the schema', 'age,city\n1,2', { schema: { age: 'number' } as never }, "[data.csv] FILE has the column 'city': got age, city, expected those of the schema. Name its kind, or 'ignore', or leave all others out: { otherColumns: 'ignore' }."],
    ['a column twice', 'a,a\n1,2', {}, "[data.csv] FILE: got two columns that are called 'a', expected names that differ."],
    ['a column __proto__', '__proto__\n1', {}, '[data.csv] FILE: got a column that is called __proto__, expected a name that an object can have.'],
    ['nothing', '', {}, '[data.csv] FILE is empty: got no line, expected one with the names of the columns.'],
  ])('says what is wrong: %s', async (_, content, options, message) => {
    expect(await messageOf(csv(file(content), options))).toContain(message);
  });

  it('says which encoding it expected', async () => {
    const latin = Buffer.from('city\nÅlesund', 'latin1');
    expect(await messageOf(csv(file(latin)))).toBe("[data.csv] FILE: got bytes that are no utf8, expected text. Name its encoding, as in { encoding: 'latin1' }.");
    expect(await csv(file(latin), { encoding: 'latin1' }).read()).toEqual([{ city: 'Ålesund' }]);
    expect(await csv(file(Buffer.from('\uFEFFcity\nÅlesund', 'utf16le')), { encoding: 'utf16le' }).read()).toEqual([{ city: 'Ålesund' }]);
  });

  it('reads other forms', async () => {
    expect(await csv(file('a\tb\n1\t"x"\n', 'form.tsv')).read()).toEqual([{ a: '1', b: 'x' }]);
    expect(await csv(file('# made by hand\na;b\n# 1;2\n-1,5e3;+.5\n'), { delimiter: ';', decimal: ',', comment: '#', schema: { a: 'number', b: (text) => `<${text}>` } }).read()).toEqual([{ a: -1500, b: '<+.5>' }]);
    expect(await csv(file('1,"2\r'), { columns: ['a', 'b'], quote: false }).read()).toEqual([{ a: '1', b: '"2' }]);
    expect(await csv(file("a\r'x,''y'''\r"), { quote: "'" }).read()).toEqual([{ a: "x,'y'" }]);
    expect(await csv(file(gzipSync('a\n1\n'))).read()).toEqual([{ a: '1' }]);
    expect(await csv(file('a,b\n'), {}).read()).toEqual([]);
    expect(await csv(file('a,b\n1,YES\n2,no'), { schema: { a: 'ignore', b: 'boolean' } }).read()).toEqual([{ b: true }, { b: false }]);
  });

  it('finds the line of a row behind comments, blank lines and line breaks in quotes', async () => {
    const reader = csv(file('#\na,b\n#,"\n\n1,"x\n\ny"\n#\nbad,1\n2,2\n"3"3,3\n\nbad,2'), { comment: '#', onBadRow: 'skip', schema: { a: 'number', b: 'text' } });
    expect(await reader.read()).toEqual([{ a: 1, b: 'x\n\ny' }, { a: 2, b: '2' }]);
    expect(reader.skipped.map(({ line }) => line)).toEqual([9, 11, 13]);
  });

  it('is the same wherever the pieces of the file end', { timeout: 60_000 }, async () => {
    const field = fc.oneof(fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é', '😀'), maxLength: 6 }), fc.constant('x'.repeat(40_000)));
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 12 }), fc.constantFrom('\n', '\r\n', '\r'), async (rows, newline) => {
        const text = ['a,b', ...rows.map((row) => row.map(quoted).join(','))].join(newline);
        const read = await csv(file(text, 'any.csv'), { missing: [] }).read();
        expect(read).toEqual(rows.map(([a, b]) => ({ a: a.replaceAll(/\r\n?/g, '\n'), b: b.replaceAll(/\r\n?/g, '\n') })));
      }),
      { numRuns: 60 },
    );
  });

  it('is the same with a piece that ends at any place of a row', async () => {
    // Pieces of a file are 2^15 bytes.
    const tricky = '"é,😀""\r\n x"  ,y\r\n"z" , \r\n';
    for (let k = 0; k <= Buffer.byteLength(tricky) + 1; k++) {
      const filler = 'f'.repeat(2 ** 15 - k - '1,\r\n'.length);
      const rows = await csv(file(`1,${filler}\r\n${tricky}last,1`, 'pieces.csv'), { columns: ['a', 'b'] }).read();
      expect(rows.slice(1), `${k}`).toEqual([{ a: 'é,😀"\n x', b: 'y' }, { a: 'z', b: null }, { a: 'last', b: '1' }]);
    }
  });

  it('reads any bytes or says what is wrong with them', async () => {
    const piece = fc.constantFrom('a', ',', '"', '""', '\n', '\r\n', '\r', '#', '1', ' ', '\u0000', 'é', '"x"y', 'a,b\n');
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 60 }), fc.constantFrom('throw', 'skip'), async (pieces, onBadRow) => {
        const reader = csv(file(pieces.join(''), 'any.csv'), { onBadRow: onBadRow as 'skip', comment: '#', columns: ['a', 'b'] });
        const error = await reader.read().then(() => undefined, (thrown: unknown) => thrown as { readonly code?: string });
        expect(error === undefined || error.code === 'ANNEAL_DATA').toBe(true);
        if (onBadRow === 'skip') expect(error).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('goes on behind rows that are too long, and gives up on a file of other quotes', async () => {
    const long = csv(file(`a\n1\n"${'x\n'.repeat(20_000)}`), { maxRowLength: 1000, onBadRow: 'skip' });
    expect((await long.read()).length).toBeGreaterThan(19_000);
    expect(long.skipped[0]).toEqual({ line: 3, column: undefined, reason: expect.stringContaining('maxRowLength') as string });
    expect(await messageOf(csv(file(`a\n${'"x"y\n'.repeat(2000)}`), { onBadRow: 'skip' }))).toContain('got more than 1000 rows whose quotes do not fit together');
  });

  it('refuses options that it does not take', () => {
    expect(() => csv('x.csv', { separator: ';' } as never)).toThrow('unknown option');
    expect(() => csv('x.csv', { schema: { a: 'int' } as never })).toThrow("[data.csv] unknown kind of column 'a': got 'int', expected one of 'number', 'boolean', 'category', 'text', 'date', 'ignore'.");
    expect(() => csv('x.csv', { schema: {} })).toThrow('[data.csv] schema: got no columns, expected a kind for each column');
    expect(() => csv('x.csv', { onBadRow: 'warn' as never })).toThrow("[data.csv] unknown onBadRow: got 'warn', expected one of 'throw', 'skip'.");
    expect(() => csv('x.csv', { missing: 'NA' as never })).toThrow("[data.csv] missing: got 'NA', expected texts, as in ['', 'NA'].");
    expect(() => csv('x.csv', { delimiter: '' })).toThrow("[data.csv] delimiter: got '', expected a text of at least one character.");
    expect(() => csv('x.csv', { maxRowLength: 0 })).toThrow('[data.csv] maxRowLength: got 0, expected an integer of at least 1.');
    expect(() => csv(7 as never)).toThrow('[data.csv] path: got 7');
  });

  it('reads as many rows as were asked for', async () => {
    const path = file('a\n1\n2\n3');
    expect(await csv(path).read({ limit: 2 })).toEqual([{ a: '1' }, { a: '2' }]);
    await expect(csv(path).read({ limit: 0 })).rejects.toThrow('[read] limit: got 0, expected an integer of at least 1.');
    await expect(csv(path).read({ rows: 2 } as never)).rejects.toThrow('unknown option: got rows');
  });
});

describe('jsonLines', () => {
  const lines = '\uFEFF{"a":1,"b":"x"}\r\n\n{"a":"2","b":"y"}\n[1]\n{oops\n{"b":null,"c":1}\n{"a":3,"b":4,"__proto__":{"a":5}}';
  it('reads an object a line, and leaves wrong ones out with their lines', async () => {
    const reader = jsonLines(file(lines), { schema: { a: 'number', b: 'text' }, otherColumns: 'ignore', onBadRow: 'skip' });
    expect(await reader.read()).toEqual([{ a: 1, b: 'x' }, { a: null, b: null }, { a: 3, b: '4' }]);
    expect(reader.skipped).toEqual([
      { line: 3, column: 'a', reason: "got '2', expected a number" },
      { line: 4, column: undefined, reason: 'got an array, expected an object' },
      { line: 5, column: undefined, reason: expect.stringMatching(/^got no JSON/) as string },
    ]);
  });

  it('is the same wherever a piece of the file ends', async () => {
    const rows = Array.from({ length: 9000 }, (_, i) => ({ i, text: 'é😀'.repeat(i % 5) }));
    expect(await jsonLines(file(rows.map((row) => JSON.stringify(row)).join('\r\n'))).read()).toEqual(rows);
  });

  it('has objects as they are without a schema', async () => {
    expect(await jsonLines(file('{"a":[1]}\n{"b":2}')).read()).toEqual([{ a: [1] }, { b: 2 }]);
    expect(await messageOf(jsonLines(file('{"a":1}\n{"a":1,"c":1}'), { schema: { a: 'number' } }))).toMatch(/line 2, column 'c': got a column that the schema does not name/);
  });
});

describe('parquet', () => {
  const people = join(import.meta.dirname, 'fixtures/people.parquet');
  it('reads the columns of a schema, over row groups', async () => {
    const reader = parquet(people, { schema: { age: 'number', city: 'category', when: 'date', moved: 'boolean', id: (text) => Number(text) } });
    const rows = await reader.read();
    expect(rows).toHaveLength(300);
    expect(rows[150]).toEqual({ age: null, city: 'Oslo', when: new Date(Date.UTC(2024, 0, 11)), moved: false, id: 150 });
    expect(rows[299]).toEqual({ age: 69, city: 'Ålesund', when: new Date(Date.UTC(2024, 0, 20)), moved: false, id: 299 });
    expect(await parquet(people).read({ limit: 1 })).toEqual([{ id: 0n, age: null, city: 'Oslo', when: new Date(Date.UTC(2024, 0, 1)), moved: true }]);
  });

  it('takes row groups as they are, and large ones in parts', () => {
    expect([...partsOf([3, 0, 7, 2], 3)]).toEqual([[0, 3], [3, 6], [6, 9], [9, 10], [10, 12]]);
  });

  it('says what is wrong', async () => {
    expect(await messageOf(parquet(people, { schema: { city: 'number' }, otherColumns: 'ignore' }))).toMatch(/row 1, column 'city': got 'Oslo', expected a number/);
    expect(await messageOf(parquet(people, { schema: { town: 'category' }, otherColumns: 'ignore' }))).toMatch(/has no column 'town': got id, age, city, when, moved/);
    expect(await messageOf(parquet(file('no parquet at all')))).toMatch(/FILE is not a Parquet file that can be read: hyparquet reports/);
    await expect(parquet(join(folder, 'none')).read()).rejects.toThrow('ENOENT');
  });
});

describe('arrow', () => {
  const table = new Table({
    id: vectorFromArray([1n, 2n, 3n], new Int64()),
    age: vectorFromArray([20, null, 40], new Int32()),
    city: vectorFromArray(['Oslo', 'Bergen', 'Oslo'], new Dictionary(new Utf8(), new Int32())),
    moved: vectorFromArray([true, false, true], new Bool()),
  });
  it.each(['file', 'stream'] as const)('reads a %s', async (form) => {
    const path = file(tableToIPC(table, form));
    expect(await arrow(path, { schema: { id: 'number', age: 'number', city: 'category', moved: 'boolean' } }).read()).toEqual([
      { id: 1, age: 20, city: 'Oslo', moved: true },
      { id: 2, age: null, city: 'Bergen', moved: false },
      { id: 3, age: 40, city: 'Oslo', moved: true },
    ]);
    expect((await arrow(path).read())[1]).toEqual({ id: 2n, age: null, city: 'Bergen', moved: false });
    const skipping = arrow(path, { schema: { city: (text) => { if (text === 'Bergen') throw new Error('rain'); return text; } }, otherColumns: 'ignore', onBadRow: 'skip' });
    expect(await skipping.read()).toHaveLength(2);
    expect(skipping.skipped).toEqual([{ line: 2, column: 'city', reason: "got 'Bergen', expected what its function takes" }]);
  });

  it('says what is wrong', async () => {
    expect(await messageOf(arrow(file('no arrow at all, in no way')))).toMatch(/FILE is not an Arrow file that can be read: apache-arrow reports/);
    await expect(arrow(join(folder, 'none')).read()).rejects.toThrow('ENOENT');
    expect(await messageOf(arrow(file(tableToIPC(table)), { schema: { city: 'number' }, otherColumns: 'ignore' }))).toMatch(/row 1, column 'city': got 'Oslo', expected a number/);
  });

  it('says how to install what is not there', () => {
    const absent = Object.assign(new Error("Cannot find module 'apache-arrow'"), { code: 'MODULE_NOT_FOUND' });
    expect(readerMissing('data.arrow', 'Arrow', 'apache-arrow', absent)).toMatchObject({ code: 'ANNEAL_OPTIONAL_MISSING', message: '[data.arrow] Arrow files are read by apache-arrow, which is not installed. Install it beside anneal: npm install apache-arrow.' });
    expect(readerMissing('data.parquet', 'Parquet', 'hyparquet', new Error('boom')).message).toContain('which could not be loaded: boom');
  });
});
