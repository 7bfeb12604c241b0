import { ModelGenerator } from '../generator.js';
import { Parameter } from '../tensor.js';
import { Module } from './module.js';

/** What a walk over a module's fields finds. */
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
  for (const [name, value] of root.fields$()) yield* visit(value, path === '' ? name : `${path}.${name}`, seen);
}

function* visit(value: unknown, path: string, seen: Set<object>): Generator<Found> {
  if (value instanceof Module) yield* walk(value, path, seen);
  else if (value instanceof Parameter) {
    if (seen.has(value)) return;
    seen.add(value);
    yield { path, value };
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* visit(item, `${path}.${i}`, seen);
  }
}

/**
 * Gives everything below `root` its path as a name, and the model's random streams. The longest path wins: that of the outermost model.
 */
export function register(root: Module): void {
  const found = [...walk(root)];
  const generator = generatorOf(root, found);
  const within = new Set<object>(found.map(({ value }) => value));
  for (const { path, value } of found) {
    const longer = path.length > (value instanceof Module ? value.path$ : value.name).length;
    const before = value.generator$;
    if (before === undefined || longer || within.has(before.root)) value.generator$ = generator;
    if (!longer) continue;
    if (value instanceof Module) value.path$ = path;
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
