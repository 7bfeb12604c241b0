import { AnnealError } from '../errors.js';
import type { Module } from './module.js';
import { walk } from './registry.js';

/** The outermost module whose forward() runs: the model, whose train() and eval() are meant to reach all below. */
let running: Module | undefined;
/** Modules that were found below a model. */
const owned = new WeakMap<Module, WeakSet<Module>>();
/** Prototypes whose forward() says that it runs. */
const tracked = new WeakSet<object>();

/** Lets the forward() of a class, and of those that it extends, say that it runs. As torch's Module.__call__ stands around forward(). */
export function trackForward(prototype: object): void {
  for (let level: object | null = prototype; level !== null && !tracked.has(level); level = Object.getPrototypeOf(level) as object | null) {
    tracked.add(level);
    const own = Object.getOwnPropertyDescriptor(level, 'forward');
    if (typeof own?.value === 'function') Object.defineProperty(level, 'forward', { ...own, value: tracking(own.value as Module['forward']) });
  }
}

function tracking(forward: Module['forward']): Module['forward'] {
  return function (this: Module, ...inputs) {
    return running === undefined ? runModel(this, () => forward.apply(this, inputs)) : forward.apply(this, inputs);
  };
}

function runModel<R>(model: Module, fn: () => R): R {
  running = model;
  try {
    return fn();
  } finally {
    running = undefined;
  }
}

/**
 * Throws AnnealError (ANNEAL_UNREGISTERED_MODULE) where a model runs a module in training mode that its train() and eval() do not reach,
 * because it is in none of the fields in which modules are looked for.
 */
export function checkOwned(module: Module): void {
  if (running === undefined || running === module || owned.get(running)?.has(module) === true) return;
  const below = new WeakSet<Module>();
  for (const { value } of walk(running)) below.add(value as Module);
  owned.set(running, below);
  if (below.has(module)) return;
  throw new AnnealError(
    'ANNEAL_UNREGISTERED_MODULE',
    `[forward] ${String(module)} is used by ${running.constructor.name}, but is in none of its fields, so its train() and eval() do not reach it. Make it a field of a Module, or of an array, ` +
      'a plain object or a Map there; private fields (#name), sets and closures cannot be searched. What is to keep a mode of its own: call its eval().',
    { op: 'forward' },
  );
}
