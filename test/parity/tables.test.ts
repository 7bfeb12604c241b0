// Columns of tables as scikit-learn makes them: tables.json, by make/tables.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { data } from 'anneal';
import { murmurHash } from '../../src/murmur-hash.js';

const { bagOfWords, clip, impute, minMax, oneHot, ordinal, quantile, standardize } = data.columns;

interface Words {
  readonly options: { readonly n_features: number; readonly ngram_range?: [number, number]; readonly norm?: 'l1' | 'l2' | null; readonly analyzer?: 'char'; readonly lowercase?: boolean; readonly alternate_sign?: boolean };
  readonly rows: number[][];
}
const fixture = JSON.parse(readFileSync(join(import.meta.dirname, 'tables.json'), 'utf8')) as {
  readonly train: number[]; readonly test: number[]; readonly numbers: Record<string, number[]>; readonly gaps: (number | null)[]; readonly imputed: Record<string, number>; readonly clip: [number, number];
  readonly cities: string[]; readonly asked: string[]; readonly oneHot: number[][]; readonly ordinal: number[]; readonly texts: string[]; readonly words: Words[]; readonly murmur: [string, number, number][];
};

/** Rows that a column makes of `asked`, fitted on `train`. */
async function made(column: data.ColumnSpec, train: readonly unknown[], asked: readonly unknown[]): Promise<number[][]> {
  const pipeline = await data.pipeline({ columns: { v: column } }).fit(train.map((v) => ({ v })));
  return asked.map((v) => [...(pipeline.row({ v }) as Float32Array)]);
}

describe('columns are those of scikit-learn', () => {
  it.each([
    ['standardize', standardize()],
    ['minMax', minMax({ range: [-1, 1] })],
    ['quantile', quantile()],
    ['quantile 7', quantile({ quantiles: 7 })],
    ['quantile normal', quantile({ quantiles: 20, distribution: 'normal' })],
  ] as const)('%s', async (name, column) => {
    const rows = await made(column, fixture.train, fixture.test);
    const expected = fixture.numbers[name]!;
    rows.forEach(([value], i) => expect(Math.abs(value! - expected[i]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected[i]!))));
  });

  it('impute and clip', async () => {
    for (const [strategy, name] of [['mean', 'mean'], ['median', 'median'], ['mostFrequent', 'most_frequent']] as const) {
      expect((await made(impute(strategy), fixture.gaps, [null]))[0]![0]).toBeCloseTo(fixture.imputed[name]!, 5);
    }
    const ends = await made(clip({ quantiles: [0.05, 0.9] }), fixture.train, [-1e9, 1e9]);
    expect(ends.flat()).toEqual([...Float32Array.from(fixture.clip)]);
  });

  it('oneHot and ordinal', async () => {
    expect(await made(oneHot(), fixture.cities, fixture.asked)).toEqual(fixture.oneHot);
    expect((await made(ordinal(), fixture.cities, fixture.asked)).flat()).toEqual(fixture.ordinal);
  });

  it.each(fixture.words.map(({ options, rows }) => [JSON.stringify(options), options, rows] as const))('bagOfWords %s', async (_, options, rows) => {
    const { n_features: buckets, ngram_range: ngrams, norm = 'l2', analyzer, lowercase, alternate_sign: signed } = options;
    const recipe = { buckets, ngrams, norm: norm ?? ('none' as const), analyzer, lowercase, signed };
    const expected = rows.map((row) => [...Float32Array.from(row)]);
    expect(await made(bagOfWords(recipe), fixture.texts, fixture.texts)).toEqual(expected);
    const sparse = await data.pipeline({ columns: { v: bagOfWords({ ...recipe, sparse: true }) } }).fit(fixture.texts.map((v) => ({ v })));
    const unpacked = fixture.texts.map((v) => {
      const { v: indices, vWeights: weights } = sparse.row({ v }) as { readonly v: Int32Array; readonly vWeights: Float32Array };
      const row = new Float32Array(buckets);
      indices.forEach((index, i) => (row[index]! += weights[i]!));
      return [...row];
    });
    expect(unpacked).toEqual(expected);
  });

  it('murmurHash', () => {
    expect(fixture.murmur.map(([text, seed]) => [text, seed, murmurHash(text, seed)])).toEqual(fixture.murmur);
  });
});
