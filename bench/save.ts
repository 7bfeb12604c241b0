import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const WIDTH = 400;

/** The name of a result: those of AVX-512 have files of their own, beside those of AVX2. */
export const fileOf = (name: string, target: string): string => (target === 'avx512' ? `${name}-avx512` : name);

/** Writes results/<name>.json and says so. */
export function save(name: string, figures: object): void {
  const file = join(import.meta.dirname, 'results', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${json(figures)}\n`);
  console.log(`\nwritten to bench/results/${name}.json`);
}

/** JSON in which whatever fits on a line stands on one, so that a figure is a line of a diff. */
function json(value: unknown, indent = ''): string {
  const line = JSON.stringify(value, undefined, 1)?.replaceAll(/\n\s*/g, ' ') ?? 'null';
  if (typeof value !== 'object' || value === null || indent.length + line.length <= WIDTH) return line;
  const deeper = `${indent} `;
  if (Array.isArray(value)) return `[\n${value.map((item) => deeper + json(item, deeper)).join(',\n')}\n${indent}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{\n${entries.map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${json(item, deeper)}`).join(',\n')}\n${indent}}`;
}
