// Reads a table in a process of its own, or answers rows of one: prints its figures as JSON.
import { data, nn, Predictor, seed } from 'anneal';

const [kind, path] = process.argv.slice(2) as [string, string];
const schema = { id: 'number', age: 'number', city: 'category', when: 'date', note: 'text', price: 'number' } as const;
const columns = { age: [data.columns.impute(), data.columns.standardize()], city: data.columns.oneHot(), when: data.columns.dates(), price: [data.columns.log({ offset: 1 }), data.columns.quantile()] };

async function read(reader: AsyncIterable<unknown>): Promise<object> {
  let rows = 0;
  const begin = performance.now();
  for await (const row of reader) rows += Number(row !== undefined);
  return { rows, seconds: (performance.now() - begin) / 1000, peakMb: process.resourceUsage().maxRSS / 1024 };
}

/** Microseconds until one row is answered, one after the other, by a network with two hidden layers of 64. */
async function answers(): Promise<object> {
  const rows = Array.from({ length: 2000 }, (_, i) => ({ age: i % 90, city: `city ${i % 20}`, when: new Date(1.7e12 + 1e8 * i), price: i, kind: i % 3 }));
  const pipeline = await data.pipeline({ columns, target: { kind: 'category' } }).fit(rows);
  seed(1);
  const [width] = pipeline.shape;
  const predictor = new Predictor(nn.sequential([width], nn.linear(width, 64), nn.relu(), nn.linear(64, 64), nn.relu(), nn.linear(64, 3)), { pipeline });
  const times = new Float64Array(20_000);
  for (let i = -2000; i < times.length; i++) {
    const begin = performance.now();
    await predictor.row(rows[(i + 2000) % rows.length]!);
    if (i >= 0) times[i] = 1000 * (performance.now() - begin);
  }
  times.sort();
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))]!;
  return { width, median: at(0.5), p99: at(0.99) };
}

const done = kind === 'csv' ? read(data.csv(path, { schema })) : kind === 'jsonl' ? read(data.jsonLines(path, { schema })) : answers();
console.log(JSON.stringify(await done));
