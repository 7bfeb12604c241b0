import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { short, table } from './table.js';

const SIZES = [10_000, 100_000, 1_000_000];

interface ReadFigures {
  readonly rows: number;
  readonly seconds: number;
  readonly peakMb: number;
}

interface AnswerFigures {
  readonly width: number;
  readonly median: number;
  readonly p99: number;
}

/** A row of six columns: numbers, a category, a date, a text with quotes. */
const csvRow = (i: number): string => `${i},${20 + (i % 60)},${['Oslo', 'Bergen', 'Stavanger'][i % 3]},2024-0${1 + (i % 9)}-1${i % 10},"said ""hi"", ${i}",${((i * 7) % 1000) / 10}\n`;
const jsonRow = (i: number): string => `{"id":${i},"age":${20 + (i % 60)},"city":"Oslo","when":"2024-0${1 + (i % 9)}-1${i % 10}","note":"said hi, ${i}","price":${((i * 7) % 1000) / 10}}\n`;

function write(path: string, head: string, row: (i: number) => string, count: number): Promise<void> {
  function* pieces(): Generator<string> {
    yield head;
    for (let i = 0; i < count; i += 1000) yield Array.from({ length: Math.min(1000, count - i) }, (_, k) => row(i + k)).join('');
  }
  return pipeline(Readable.from(pieces()), createWriteStream(path));
}

function worker<F>(...args: readonly string[]): F {
  const tsx = createRequire(import.meta.url).resolve('tsx/cli');
  return JSON.parse(execFileSync(process.execPath, [tsx, '--conditions=anneal-source', join(import.meta.dirname, 'tables-worker.ts'), ...args], { encoding: 'utf8' })) as F;
}

/** Rows of files by their number: time, and the peak of resident memory, which must not grow with them; and the time until one row is answered. */
export async function tables(): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-bench-tables-'));
  try {
    const reading: Record<string, Record<string, ReadFigures>> = { csv: {}, jsonl: {} };
    for (const size of SIZES) {
      const paths = { csv: join(folder, 'rows.csv'), jsonl: join(folder, 'rows.jsonl') };
      await write(paths.csv, 'id,age,city,when,note,price\n', csvRow, size);
      await write(paths.jsonl, '', jsonRow, size);
      for (const kind of ['csv', 'jsonl'] as const) reading[kind]![size] = worker<ReadFigures>(kind, paths[kind]);
    }
    const answer = worker<AnswerFigures>('answers', '');
    const rows = Object.entries(reading).flatMap(([kind, sizes]) => Object.values(sizes).map(({ rows: count, seconds, peakMb }) => [kind, String(count), short(seconds), short(count / seconds), short(peakMb)]));
    console.log(table(['file', 'rows', 's', 'rows/s', 'peak MB'], rows));
    console.log(`\none row answered, ${answer.width} inputs: ${short(answer.median)} µs at the median, ${short(answer.p99)} µs at the 99th percentile`);
    return { reading, answer };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
