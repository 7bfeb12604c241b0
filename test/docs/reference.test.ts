// Every name that the package exports stands on a page, in code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as anneal from 'anneal';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../../docs');
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'architecture.md').map((name) => readFileSync(join(folder, name), 'utf8'));
/** Text that is set as code: blocks, and spans in a line. */
const code = pages.flatMap((page) => [...page.matchAll(/^```\w*\n(.*?)^```$|`([^`\n]+)`/gms)].map(([, block, span]) => block ?? span!)).join('\n');

/** Names by path, those in namespaces too. */
function namesOf(space: object, prefix = ''): string[] {
  return Object.entries(space).flatMap(([name, value]) => [`${prefix}${name}`, ...(Object.prototype.toString.call(value) === '[object Module]' ? namesOf(value as object, `${prefix}${name}.`) : [])]);
}

test('every exported name is on a page', () => {
  const names = namesOf(anneal);
  expect(names.length).toBeGreaterThan(150);
  expect(names.filter((path) => !new RegExp(`(?<![\\w$])${path.split('.').at(-1)!}(?![\\w$])`).test(code))).toEqual([]);
});

test('no name has two rows in the reference', () => {
  const rows = readFileSync(join(folder, 'reference.md'), 'utf8').split('\n').filter((line) => line.startsWith('| `'));
  const names = rows.flatMap((row) => [...row.split('|')[1]!.replaceAll(/\([^)]*\)/g, '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test('every method of a model, a trainer, a dataset and a tensor that is public is on a page, or an op of that name', () => {
  const own = (kind: { readonly prototype: object }): string[] => Object.getOwnPropertyNames(kind.prototype).filter((name) => !/\$$|^constructor$|^toString$|^toJSON$/.test(name));
  const methods = [anneal.Tensor, anneal.Parameter, anneal.nn.Module, anneal.Trainer, anneal.data.Dataset].flatMap((kind) => own(kind as never).map((name) => `${kind.name}.${name}`));
  // What subclasses of the library override.
  const inner = ['Module.builtin', 'Module.randomKey'];
  expect(methods.filter((path) => !inner.includes(path) && !new RegExp(`\\b${path.split('.')[1]!}\\b`).test(code))).toEqual([]);
});
