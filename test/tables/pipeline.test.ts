import { describe, expect, it } from 'vitest';
import { loader, Pipeline, pipeline, type Row } from '../../src/data/index.js';
import * as columns from '../../src/tables/columns.js';
import '../../src/runtime/index.js';
import type { Tensor } from '../../src/tensor.js';

const { bagOfWords, clip, dates, embedding, hashed, impute, log, minMax, oneHot, ordinal, quantile, standardize } = columns;

const people: readonly Row[] = [
  { age: 20, city: 'Oslo', street: 'Torggata', note: 'a small house', when: '2024-01-01', income: 10, moved: 'no', paid: 1 },
  { age: null, city: 'Bergen', street: 'Bryggen', note: 'a large, large boat', when: '2024-06-01T12:00', income: 100, moved: 'yes', paid: 4 },
  { age: 40, city: null, street: 'Torggata', note: null, when: null, income: 1000, moved: 'no', paid: 7 },
];
const everything = {
  age: [impute('median'), clip({ min: 0, max: 30 }), standardize()],
  city: oneHot(),
  street: embedding(),
  note: bagOfWords({ sparse: true, buckets: 1000 }),
  when: dates({ cycles: ['week'], trend: true }),
  income: [log(), minMax({ range: [-1, 1] }), quantile({ distribution: 'normal', quantiles: 3 })],
} as const;
const saved = (json: unknown): unknown => JSON.parse(JSON.stringify(json)) as unknown;

describe('pipeline', () => {
  it('is one array where all columns are numbers, and else a record with the fields of the others', async () => {
    const plain = await pipeline({ columns: { income: log(), city: oneHot() } }).fit(people);
    expect(plain.shape).toEqual([4]);
    expect(plain.featureNames).toEqual(['income', 'city=Bergen', 'city=Oslo', 'city is missing']);
    const all = await pipeline({ columns: everything }).fit(people);
    expect(all.shape).toEqual({ features: [10], street: [], note: [2], noteWeights: [2] });
    expect(all.dtype).toEqual({ features: 'float32', street: 'int32', note: 'int32', noteWeights: 'float32' });
    expect(all.embeddings).toEqual({ street: 3, note: 1000 });
    expect(Object.keys(all.row(people[0]!))).toEqual(['features', 'street', 'note', 'noteWeights']);
  });

  it('gives the same for one row, for a batch and for a dataset', async () => {
    const fitted = await pipeline({ columns: everything, target: { moved: 'category' } }).fit(people);
    const dataset = await fitted.dataset(people);
    const [[inputs, targets]] = [...loader(dataset, { batchSize: 3 })] as never as [[Record<string, { array(): Promise<unknown[]>; data(): Promise<ArrayLike<number>> }>, { array(): Promise<number[]> }]];
    const batch = fitted.batch(people) as unknown as typeof inputs;
    expect(await targets.array()).toEqual([0, 1, 0]);
    for (const [i, person] of people.entries()) {
      for (const [name, values] of Object.entries(fitted.row(person))) {
        expect([(await inputs[name]!.array())[i]].flat()).toEqual([...values]);
        expect([(await batch[name]!.array())[i]].flat()).toEqual([...values]);
      }
    }
  });

  it('learns from the rows that fit() gets only, and again where it is called again', async () => {
    const one = pipeline({ columns: { income: standardize() } });
    await one.fit(people.slice(0, 2));
    expect((await one.dataset([{ income: 1000 }, { income: 55 }])).hasTargets).toBe(false);
    expect(one.row({ income: 55 })).toEqual(Float32Array.of(0));
    await one.fit(people);
    expect(one.row({ income: 370 })).toEqual(Float32Array.of(0));
  });

  it('takes rows that come one by one', async () => {
    async function* later(): AsyncGenerator<Row> {
      yield* people;
    }
    const fitted = await pipeline({ columns: everything, target: { paid: 'number' } }).fit(later());
    expect(JSON.stringify(fitted)).toBe(JSON.stringify(await pipeline({ columns: everything, target: { paid: 'number' } }).fit(people)));
    expect((await fitted.dataset(later())).size).toBe(3);
  });

  it('gives a stream the examples of a dataset, anew in each pass', async () => {
    const fitted = await pipeline({ columns: everything, target: { moved: 'category' } }).fit(people);
    const { moved, ...rest } = people[0]!;
    for (const rows of [people, (): readonly Row[] => people]) {
      const stream = fitted.stream(rows);
      for (let pass = 0; pass < 2; pass++) {
        for await (const [x, y] of loader(stream, { batchSize: 3 }) as unknown as AsyncIterable<[Record<string, Tensor>, Tensor]>) {
          expect(await y.array()).toEqual([0, 1, 0]);
          for (const [name, tensor] of Object.entries(fitted.batch(people))) expect(await x[name]!.array()).toEqual(await (tensor as Tensor).array());
        }
      }
    }
    const numbers = await pipeline({ columns: { income: log() }, target: { paid: { kind: 'number', standardize: true } } }).fit(people);
    for await (const [x, y] of loader(numbers.stream(people), { batchSize: 3 })) expect([x.shape, y.shape]).toEqual([[3, 1], [3, 1]]);
    await expect((async () => { for await (const batch of loader(fitted.stream([rest]))) void [batch, moved]; })()).rejects.toThrow("[pipeline.stream] row 0 has no column 'moved'");
    expect(() => Pipeline.fromJSON({ ...(saved(fitted) as object), target: null }).stream(people)).toThrow('[pipeline.stream] target: got none, expected one');
  });

  it('takes gaps and unknown categories as its columns state', async () => {
    const fitted = await pipeline({ columns: { age: [impute('mean')], city: oneHot(), street: embedding({ minCount: 2 }), size: ordinal({ order: ['S', 'M'] }), user: hashed({ buckets: 7 }) } }).fit(people.map((row) => ({ ...row, size: 'M', user: 'u' })));
    expect(fitted.featureNames).toEqual(['age', 'age is missing', 'city=Bergen', 'city=Oslo', 'city is missing', 'size']);
    const row = (given: Row): unknown => fitted.row({ age: 1, city: 'Oslo', street: 'Torggata', size: 'S', user: 'u', ...given });
    expect(row({})).toEqual({ features: Float32Array.of(1, 0, 0, 1, 0, 0), street: Int32Array.of(1), user: expect.any(Int32Array) });
    expect(row({ age: null, city: undefined, size: 'L' })).toMatchObject({ features: Float32Array.of(30, 1, 0, 0, 1, -1) });
    expect(row({ age: NaN, city: 'Trondheim', size: null })).toMatchObject({ features: Float32Array.of(30, 1, 0, 0, 0, -1) });
    expect(row({ street: 'Bryggen', user: null })).toMatchObject({ street: Int32Array.of(0), user: Int32Array.of(0) });
  });

  it('a column that is not there is an error, or a gap where that was asked for', async () => {
    const columnsOf = { age: impute(), city: oneHot() };
    const strict = await pipeline({ columns: columnsOf }).fit(people);
    expect(() => strict.row({ age: 1, citty: 'Oslo' })).toThrow("[pipeline.row] the row has no column 'city': got age, citty, expected it. Did you mean 'city' by 'citty'? A gap is null; { absent: 'gap' } of the pipeline takes columns that are not there for gaps.");
    await expect(strict.dataset([people[0]!, {}])).rejects.toThrow("[pipeline.dataset] row 1 has no column 'age': got no columns, expected it. A gap is null;");
    const lenient = await pipeline({ columns: columnsOf, absent: 'gap' }).fit(people);
    expect(lenient.row({})).toEqual(lenient.row({ age: null, city: null }));
    expect(Pipeline.fromJSON(saved(lenient)).row({})).toEqual(lenient.row({}));
  });
});

describe('a saved pipeline', () => {
  it('gives the same bits', async () => {
    const fitted = await pipeline({ columns: everything, target: { moved: 'category' } }).fit(people);
    const again = Pipeline.fromJSON(saved(fitted));
    expect(JSON.stringify(again)).toBe(JSON.stringify(fitted));
    for (const person of people) expect(again.row(person)).toEqual(fitted.row(person));
    expect([again.shape, again.classNames, again.featureNames, again.embeddings]).toEqual([fitted.shape, ['no', 'yes'], fitted.featureNames, fitted.embeddings]);
    await expect(again.fit(people)).rejects.toThrow('[pipeline.fit] this pipeline comes from a file, which has what it has learned, not how');
  });

  const number = (steps: unknown[]): object => ({ column: 'a', kind: 'number', steps, indicator: false });
  const whole = (over: object): object => ({ format: 'anneal.pipeline', version: 1, absent: 'error', columns: [number([])], target: null, ...over });
  const words = { column: 'a', kind: 'words', buckets: 4, ngrams: [1, 1], analyzer: 'word', lowercase: true, signed: true, norm: 'l2' };
  it.each([
    ['null', null, 'pipeline: got null, expected an object with format, version, absent, columns, target'],
    ['an array', [], 'pipeline: got [], expected an object'],
    ['another format', whole({ format: 'x' }), 'pipeline.format: got "x", expected one of "anneal.pipeline"'],
    ['a later version', whole({ version: 2 }), 'pipeline.version: got 2, expected one of 1'],
    ['a field too many', whole({ more: 1 }), 'pipeline: a field: got "more", expected one of format'],
    ['no columns', whole({ columns: [] }), 'pipeline.columns: got [], expected at least one column'],
    ['a column twice', whole({ columns: [number([]), number([])] }), 'expected columns whose names all differ'],
    ['a column that is a number', whole({ columns: [7] }), 'pipeline.columns[0]: got 7, expected an object'],
    ['a column without a name', whole({ columns: [{ kind: 'number' }] }), 'pipeline.columns[0].column: got nothing, expected a string'],
    ['an unknown kind', whole({ columns: [{ column: 'a', kind: '__proto__' }] }), 'pipeline.columns[0].kind: got "__proto__", expected one of "number"'],
    ['an unknown step', whole({ columns: [number([{ kind: 'toString' }])] }), 'steps[0].kind: got "toString"'],
    ['a deviation of 0', whole({ columns: [number([{ kind: 'standardize', mean: 0, std: 0 }])] }), 'steps[0].std: got 0, expected a number above 0'],
    ['a mean that is a text', whole({ columns: [number([{ kind: 'standardize', mean: '0', std: 1 }])] }), 'steps[0].mean: got "0", expected a finite number'],
    ['an infinite mean', whole({ columns: [number([{ kind: 'standardize', mean: JSON.parse('1e999') as number, std: 1 }])] }), 'steps[0].mean: got null, expected a finite number'],
    ['quantiles that fall', whole({ columns: [number([{ kind: 'quantile', quantiles: [2, 1], distribution: 'normal' }])] }), 'expected at least 2 ascending numbers'],
    ['2^60 buckets', whole({ columns: [{ ...words, buckets: 2 ** 60 }] }), 'columns[0].buckets: got 1152921504606847000, expected an integer in [1, 65536]'],
    ['too many numbers of many columns', whole({ columns: Array.from({ length: 20 }, (_, i) => ({ ...words, column: `c${i}`, buckets: 2 ** 16 })) }), 'expected columns that fit into one example'],
    ['a category twice', whole({ columns: [{ column: 'a', kind: 'oneHot', categories: ['x', 'x'], hasGap: false, unknown: 'other' }] }), 'expected strings that all differ'],
    ['one class', whole({ target: { column: 'y', kind: 'category', classNames: ['a'] } }), 'target.classNames: got ["a"], expected at least 2 names'],
    ['text with control characters', whole({ format: `\u001b[2J${'x'.repeat(100)}` }), '...'],
  ])('%s is no pipeline', (_, json, message) => {
    expect(() => Pipeline.fromJSON(json)).toThrow(expect.objectContaining({ name: 'FileFormatError', code: 'ANNEAL_FILE_FORMAT', message: expect.stringContaining(message) as string }) as Error);
  });

  it('takes names such as __proto__ for names', async () => {
    const odd = JSON.parse('{"__proto__": 3, "constructor": "x"}') as Row;
    const fitted = await pipeline({ columns: { constructor: oneHot() } }).fit([odd]);
    expect(fitted.row(odd)).toEqual(Float32Array.of(1));
    expect(() => fitted.row({})).toThrow("has no column 'constructor'");
    const json = { format: 'anneal.pipeline', version: 1, absent: 'error', columns: [{ column: '__proto__', kind: 'embedding', categories: ['3'], hasGap: false, unknown: 'other' }], target: null };
    const named = Pipeline.fromJSON(json);
    expect(Object.keys(named.shape)).toEqual(['__proto__']);
    expect(Object.entries(named.row(odd))).toEqual([['__proto__', Int32Array.of(1)]]);
  });
});
