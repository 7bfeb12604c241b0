// Fields that end in $ belong to the machinery: the front asks the engine (src/graph/engine.ts) to write them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

const src = join(import.meta.dirname, '../../src');

/** Folders and files that are the machinery, or make the objects. */
const MACHINERY = ['graph/', 'runtime/', 'ops/leaf.ts', 'tensor.ts', 'parameter.ts'];
/** Fields that are some other file's own. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  'data/batch-origin.ts': ['origin$'],
  'data/stream.ts': ['inputs$', 'targets$'],
  'losses/reduction.ts': ['mean$'],
  'nn/registry.ts': ['generator$', 'path$'],
  'optim/group.ts': ['updateRule$'],
};

test('the front writes no field of the machinery', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => file.replaceAll('\\', '/'));
  const writes = files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    return [...text.matchAll(/\.(\w+\$)(?:\.length)?(?: (?:[-+*/]|\?\?|\|\||&&)?= | ?(?:\+\+|--))/g)].map(([, field]) => ({ file: relative(src, join(src, file)).replaceAll('\\', '/'), field: field! }));
  });
  expect(writes.length).toBeGreaterThan(40);
  const refused = writes.filter(({ file, field }) => !MACHINERY.some((part) => file.startsWith(part)) && !OWN[file]?.includes(field));
  expect(refused).toEqual([]);
});
