import { ArrayLoader, type Loader } from '../data/index.js';
import { isBuiltin, type Loss } from '../losses/loss.js';
import type { AnyMetric } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { Callback } from './events.js';

interface Parts {
  readonly model: Module;
  readonly loss: Loss;
  readonly metrics: readonly AnyMetric[];
  readonly batches: Loader;
  readonly accumulate: number;
  readonly callbacks: readonly Callback[];
}

/** Returns whether the batches are this library's own, over arrays, so that they are there without waiting. */
export function inMemory(batches: Loader): batches is ArrayLoader {
  return batches instanceof ArrayLoader && batches.builtin;
}

/**
 * Why fit() has to record and run one step at a time, in words; undefined where all of them are alike, so that one that was
 * recorded can run several times in one call. Code that is not this library's may do something else in every step.
 */
export function whyStepwise({ model, loss, metrics, batches, accumulate, callbacks }: Parts): string | undefined {
  if (!inMemory(batches)) return 'the data is not in memory, or comes by a loader of its own kind';
  if (batches.dataset.padded$) return 'the examples differ in length, and with them the batches (data.padded)';
  if (accumulate > 1) return `the gradients of ${accumulate} batches are added up for each step (accumulate)`;
  const custom = model.modules().find((module) => !module.builtin && module.children().every((child) => child.builtin));
  if (custom !== undefined) return `the model contains ${custom.path$ === '' ? '' : `${custom.path$}, `}a custom module (${String(custom)})`;
  if (!model.builtin) return 'the model is a custom module';
  if (!isBuiltin(loss)) return 'the loss is a custom function';
  const metric = metrics.find(({ builtin }) => builtin !== true);
  if (metric !== undefined) return `the metric ${metric.name} is a custom one`;
  if (looksAtSteps(callbacks)) return 'a callback looks at every step (onStep), and does not say that it is passive';
  return undefined;
}

/** Returns whether one of them sees what each step has left, before the next one begins. */
export function looksAtSteps(callbacks: readonly Pick<Callback, 'onStep' | 'passive'>[]): boolean {
  return callbacks.some(({ onStep, passive }) => onStep !== undefined && passive !== true);
}
