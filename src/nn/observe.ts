import { tensorsOf, type Tensors } from '../records.js';
import type { Tensor } from '../tensor.js';
import type { Module } from './module.js';

/** Gets each module and what it made of what, as its forward() returns. */
export type Observer = (module: Module, output: Tensors, inputs: readonly Tensor[]) => void;

/** Runs `fn`, which records what a model makes of a batch, and tells the observer of each call of these modules' forward(). `fn` must be synchronous. */
export function observing<R>(modules: readonly Module[], observer: Observer, fn: () => R): R {
  const restore: (() => void)[] = [];
  try {
    for (const module of modules) restore.push(observe(module, observer));
    return fn();
  } finally {
    for (const undo of restore.toReversed()) undo();
  }
}

/** Puts an observed forward() in front of a module's own; what undoes that. */
function observe(module: Module, observer: Observer): () => void {
  const before = Object.getOwnPropertyDescriptor(module, 'forward');
  const forward = module.forward as (this: Module, ...inputs: Tensors[]) => Tensors;
  const observed = (x: Tensors, ...more: Tensor[]): Tensors => {
    const output = forward.call(module, x, ...more);
    observer(module, output, [...tensorsOf(x), ...more]);
    return output;
  };
  Object.defineProperty(module, 'forward', { value: observed, configurable: true, enumerable: false, writable: true });
  return () => {
    if (before === undefined) delete (module as Partial<Module>).forward;
    else Object.defineProperty(module, 'forward', before);
  };
}
