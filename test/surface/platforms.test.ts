// The platforms that have an addon, which are named where it is made, found, exported and checked.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const sorted = (names: Iterable<string | undefined>): readonly string[] => [...names].map(String).sort((a, b) => a.localeCompare(b));
/** The platforms in one part of a file, each as often as it is named there. */
const named = (part: string | undefined, pattern: RegExp): readonly string[] => sorted([...(part ?? '').matchAll(pattern)].map(([, name]) => name));

const exported = Object.entries((JSON.parse(read('package.json')) as { readonly exports: Readonly<Record<string, unknown>> }).exports).filter(([path]) => path.endsWith('.node'));
const platforms = sorted(exported.map(([path]) => /^\.\/anneal-(.+)\.node$/.exec(path)?.[1]));

test('package.json exports the file of each platform by its name', () => {
  expect(platforms.length).toBeGreaterThan(0);
  for (const [path, file] of exported) expect(file).toBe(path.replace('./', './prebuilds/'));
});

test('the loader looks for each', () => {
  const cases = [...read('src/runtime/addon.ts').matchAll(/case '(.+)':\s+return new URL\('\.\.\/prebuilds\/anneal-(.+)\.node'/g)];
  expect(sorted(cases.map(([, platform]) => platform))).toEqual(platforms);
  for (const [, platform, file] of cases) expect(file).toBe(platform);
});

test('build-prebuilds.mjs makes each', () => {
  expect(named(/^const platforms = \[(.*)\];$/m.exec(read('scripts/build-prebuilds.mjs'))?.[1], /'([^']+)'/g)).toEqual(platforms);
});

test('check-package.mjs looks at each', () => {
  expect(named(/^const binaries = \{(.*?)^\};$/ms.exec(read('scripts/check-package.mjs'))?.[1], /^ {2}'([^']+)'/gm)).toEqual(platforms);
});
