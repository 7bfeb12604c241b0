import { ModelGenerator } from '../generator.js';
import { Parameter } from '../parameter.js';
import type { Module } from './module.js';
import { ModuleNode } from './module-node.js';

function isModule(value: unknown): value is Module {
  return value instanceof ModuleNode;
}

/** Findings of a walk over a module's fields. */
export interface Found {
  readonly path: string;
  readonly value: Module | Parameter;
}

/**
 * All modules and parameters below `root`, itself first, in the order of its fields, each once under its first path: tied
 * weights have one name.
 */
export function* walk(root: Module, path = '', seen: Set<object> = new Set()): Generator<Found> {
  if (seen.has(root)) return;
  seen.add(root);
  yield { path, value: root };
  for (const [name, value] of root.fields$()) yield* visit(value, below(path, name), seen);
}

/** The path of a field; of one without a name it is the module's own. */
function below(path: string, name: string): string {
  return path === '' || name === '' ? path + name : `${path}.${name}`;
}

function* visit(value: unknown, path: string, seen: Set<object>): Generator<Found> {
  if (isModule(value)) yield* walk(value, path, seen);
  else if (value instanceof Parameter) {
    if (seen.has(value)) return;
    seen.add(value);
    yield { path, value };
  } else {
    for (const [name, item] of within(value, seen)) yield* visit(item, `${path}.${name}`, seen);
  }
}

/** The further paths of parameters that have several, as of a weight that two layers share, and the path that is their name. */
export function sharedNames(root: Module): Map<string, string> {
  const names = new Map<Parameter, string>();
  const shared = new Map<string, string>();
  const visitAll = (value: unknown, path: string, above: readonly unknown[]): void => {
    if (above.includes(value)) return;
    if (value instanceof Parameter) {
      const name = names.get(value);
      if (name === undefined) names.set(value, path);
      else if (name !== path) shared.set(path, name);
      return;
    }
    const entries = isModule(value) ? value.fields$() : within(value, new Set());
    for (const [name, item] of entries) if (typeof item === 'object') visitAll(item, below(path, `${name}`), [...above, value]);
  };
  visitAll(root, '', []);
  return shared;
}

/** The modules in a module's own fields, and in what is within them, each once. */
export function childrenOf(root: Module): Module[] {
  const found = new Set<Module>();
  const seen = new Set<object>();
  const visitAll = (entries: Iterable<readonly [unknown, unknown]>): void => {
    for (const [, value] of entries) {
      if (isModule(value)) found.add(value);
      else if (!(value instanceof Parameter)) visitAll(within(value, seen));
    }
  };
  visitAll(root.fields$());
  return [...found];
}

/** The parameters in a module's own fields, and in what is within them, each once; those of the modules there are not its own. */
export function ownParameters(module: Module): Parameter[] {
  const found = new Set<Parameter>();
  const seen = new Set<object>();
  const visitAll = (entries: Iterable<readonly [unknown, unknown]>): void => {
    for (const [, value] of entries) {
      if (value instanceof Parameter) found.add(value);
      else if (!isModule(value)) visitAll(within(value, seen));
    }
  };
  visitAll(module.fields$());
  return [...found];
}

/** The elements of an array, a plain object or a Map by name; none of anything else, or of what was seen before. */
function within(value: unknown, seen: Set<object>): Iterable<readonly [name: string | number, item: unknown]> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return [];
  seen.add(value);
  if (Array.isArray(value)) return value.entries();
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].filter((entry): entry is [string | number, unknown] => typeof entry[0] === 'string' || typeof entry[0] === 'number');
  return isPlain(value) ? Object.entries(value) : [];
}

/** Returns whether an object is of no class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * Gives everything below `root` its path as a name, and the model's random streams. The longest path wins: that of the outermost model.
 */
export function register(root: Module): void {
  const found = [...walk(root)];
  const generator = generatorOf(root, found);
  const within = new Set<object>(found.map(({ value }) => value));
  for (const { path, value } of found) {
    const longer = path.length > (isModule(value) ? value.path$ : value.name).length;
    const before = value.generator$;
    if (before === undefined || longer || within.has(before.root)) value.generator$ = generator;
    if (!longer) continue;
    if (isModule(value)) value.path$ = path;
    else value.name = path;
  }
}

/** The random streams of the model that `root` is, or is a part of. A model whose parts were models takes over the number of the first of them. */
function generatorOf(root: Module, found: readonly Found[]): ModelGenerator {
  const known = root.generator$;
  const parts = found.flatMap(({ value }) => (value !== root && value.generator$?.root === value ? [value.generator$] : []));
  if (known !== undefined && known.root !== root) return known;
  for (const { made, number } of parts) made.giveBack(number);
  return known ?? new ModelGenerator(root, root.made$, root.made$.take());
}
