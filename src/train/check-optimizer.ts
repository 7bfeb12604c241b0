import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';

/** Throws ArgumentError for an optimizer that has no parameter of the model, so that it would train another one. */
export function checkOptimizes(op: string, model: Module, optimizer: Optimizer): void {
  const own = new Set(model.parameters());
  if (own.size === 0) throw new ArgumentError(`[${op}] the model: got one without parameters, expected some to train. Keep layers in fields of the module, or in arrays there.`, { op });
  if (optimizer.parameters.some((parameter) => own.has(parameter))) return;
  throw new ArgumentError(`[${op}] optimizer: got one of ${optimizer.parameters.length} parameters, none of which is this model's, expected one over the model's. Make it of them: optim.adam(model.parameters()).`, { op });
}
