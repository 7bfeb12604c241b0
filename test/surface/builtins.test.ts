// Modules of Node.js that an import of the library loads with it: some cost milliseconds, whether they are used or not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const src = join(import.meta.dirname, '../../src');
/** Modules that Node.js has loaded when it starts, or that are next to nothing. */
const CHEAP = ['node:async_hooks', 'node:fs/promises', 'node:module', 'node:path', 'node:url'];

test('no module of Node.js that takes its time is loaded before it is used', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/')).filter((file) => file.endsWith('.ts') && !file.startsWith('cli/'));
  const imports = files.flatMap((file) => [...readFileSync(join(src, file), 'utf8').matchAll(/^(?:import|export) (?!type ).*from '(node:[^']+)';$/gm)].map(([, name]) => ({ file, name: name! })));
  expect(imports.length).toBeGreaterThan(10);
  expect(imports.filter(({ name }) => !CHEAP.includes(name))).toEqual([]);
});
