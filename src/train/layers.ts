import { postOrder } from '../graph/walk.js';
import type { Module } from '../nn/module.js';
import { isTensorRecord, tensorsOf, type Tensors } from '../records.js';
import { Tensor } from '../tensor.js';

type Forward = (this: Module, ...inputs: Tensors[]) => Tensors;

/** Runs `fn`, which calls a model's forward(), and notes in which module each node was recorded: the innermost one. */
export function attributed<R>(model: Module, fn: () => R): { readonly result: R; readonly layerOf: ReadonlyMap<Tensor, Module> } {
  const layerOf = new Map<Tensor, Module>();
  const undo = model.modules().map((module) => watch(module, (output, inputs) => claim(output, inputs, module, layerOf)));
  try {
    return { result: fn(), layerOf };
  } finally {
    for (const restore of undo) restore();
  }
}

/** Puts a forward() before the module's own; what it returns takes it away. */
function watch(module: Module, seen: (output: Tensor, inputs: readonly Tensor[]) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(module, 'forward');
  const forward = module.forward as unknown as Forward;
  const value: Forward = (...inputs) => {
    const output = forward.apply(module, inputs);
    if (output instanceof Tensor || isTensorRecord(output)) for (const one of tensorsOf(output)) seen(one, inputs.flatMap(tensorsOf));
    return output;
  };
  // No field of the model, in which parameters are looked for.
  Object.defineProperty(module, 'forward', { value, configurable: true, enumerable: false, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(module, 'forward');
    else Object.defineProperty(module, 'forward', own);
  };
}

/** Assigns what lies between inputs and output to the module, unless one inside of it, which has returned before, has it. */
function claim(output: Tensor, inputs: readonly Tensor[], module: Module, layerOf: Map<Tensor, Module>): void {
  const isOutside = (node: Tensor): boolean => inputs.includes(node) || layerOf.has(node);
  for (const node of postOrder([output], (at) => (isOutside(at) ? [] : at.inputs))) {
    if (!isOutside(node) && node.inputs.length > 0) layerOf.set(node, module);
  }
}
