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

/** Gives everything below `root` its path as a name. The longest path wins: that of the outermost model. */
export function register(root: Module): void {
  for (const { path, value } of walk(root)) {
    if (value instanceof Module) {
      if (path.length > value.path$.length) value.path$ = path;
    } else if (path.length > value.name.length) value.name = path;
  }
}
