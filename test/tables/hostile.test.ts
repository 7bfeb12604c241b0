// Saved pipelines that somebody has changed: refused by name, or pipelines that give finite numbers and typed errors.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { data, type AnnealError } from 'anneal';

const { bagOfWords, clip, dates, embedding, hashed, impute, log, minMax, oneHot, ordinal, quantile, standardize, tokens } = data.columns;
const rows: data.Row[] = Array.from({ length: 12 }, (_, i) => ({ a: i % 5 === 0 ? null : i, b: i + 1, c: `c${i % 3}`, d: new Date(1e12 + 1e9 * i), e: 'some words here', f: i, g: 'words of a text', y: i % 2 }));
const columns = {
  a: [impute('median'), clip({ min: 0, max: 9 }), standardize()], b: [log(), minMax(), quantile()], c: oneHot(), d: dates({ trend: true }), e: bagOfWords({ buckets: 8 }), f: ordinal(),
} as const;
const record = { ...columns, c: embedding(), f: hashed({ buckets: 9 }), g: tokens({ maxTokens: 2 }), e: bagOfWords({ sparse: true, buckets: 99 }) } as const;

type Path = readonly (string | number)[];
/** Paths of all values in JSON. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = typeof value === 'object' && value !== null ? Object.keys(value).flatMap((key) => pathsOf((value as Record<string, unknown>)[key], [...path, Array.isArray(value) ? Number(key) : key])) : [];
  return [path, ...inner];
}
/** A copy with another value at a path, or without it. */
function changed(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...(value as unknown[])] as never) : { ...(value as object) };
  if (rest.length === 0 && to === undefined) delete copy[key as string];
  else copy[key as string] = changed(copy[key as string], rest, to);
  return copy;
}
const values = fc.oneof(fc.constantFrom(undefined, null, 0, -0, -1, 1.5, 2 ** 60, 1e308, -1e308, 5e-324, '', '__proto__', 'constructor', true, [], {}, [[]]), fc.string({ maxLength: 5 }), fc.double(), fc.jsonValue({ maxDepth: 2 }));

it('a changed pipeline is refused with a typed error, or gives what its columns say', { timeout: 60_000 }, async () => {
  for (const spec of [columns, record]) {
    const saved = JSON.parse(JSON.stringify(await data.pipeline({ columns: spec, target: { y: 'category' } }).fit(rows))) as unknown;
    const paths = pathsOf(saved);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), values), { minLength: 1, maxLength: 2 }), (changes) => {
        const codes = (run: () => unknown): string => {
          try {
            run();
            return 'none';
          } catch (error) {
            return (error as AnnealError).code;
          }
        };
        let pipeline: data.Pipeline | undefined;
        const made = codes(() => (pipeline = data.Pipeline.fromJSON(changes.reduce((json: unknown, [path, to]) => changed(json, path, to), saved))));
        expect(['none', 'ANNEAL_FILE_FORMAT']).toContain(made);
        if (pipeline === undefined) return;
        expect(JSON.stringify(data.Pipeline.fromJSON(JSON.parse(JSON.stringify(pipeline))))).toBe(JSON.stringify(pipeline));
        for (const row of [...rows.slice(0, 2), { a: NaN, b: -5, c: null, d: null, e: null, f: null, g: null }]) {
          expect(['none', 'ANNEAL_DATA', 'ANNEAL_INVALID_ARGUMENT']).toContain(codes(() => {
            const inputs = pipeline!.row(row);
            for (const array of inputs instanceof Float32Array ? [inputs] : Object.values(inputs as object)) for (const value of array as Float32Array) expect(value).toSatisfy(Number.isFinite);
          }));
        }
      }),
      { numRuns: 1000 },
    );
  }
});
