import { describeValue } from './describe-value.js';
import { ArgumentError } from './errors.js';
import { recomputing } from './graph/recorder.js';
import { Module } from './nn/module.js';

/** A model, or a part of one. */
interface Forward {
  forward(...inputs: never[]): unknown;
}

/**
 * Runs `fn(...inputs)`, or the forward() of a module, so that what it computes is not kept for the backward pass, but computed again there, right before its gradients: memory for
 * time. A backward pass then holds what goes into the regions that are marked so, and the inside of one of them at a time: of n blocks, n inputs and one block.
 * Returns what `fn` returns. Values and gradients are the same bits as without: random numbers are those of the forward pass, running statistics are assigned once, and gradients add up
 * in the same order. `fn` may return several tensors, read parameters and tensors from outside, and hold further calls of recompute(). Under noGrad(), and in eager mode, which keeps
 * everything, nothing is computed again. As torch.utils.checkpoint.checkpoint(); *checkpoint* is a saved state here. nn.recompute() is a layer that does so.
 * Source: Chen et al., arXiv:1604.06174. Throws ArgumentError for what is neither a function nor a module, and for a function that gives a promise.
 *
 *     const logits = recompute(model, inputs);
 *     const peaks = recompute((x) => relu(x.mul(3)).softmax(), logits);
 */
export function recompute<M extends Forward>(module: M, ...inputs: Parameters<M['forward']>): ReturnType<M['forward']>;
export function recompute<const A extends readonly unknown[], R>(fn: (...inputs: A) => R, ...inputs: A): R;
export function recompute(fn: unknown, ...inputs: readonly unknown[]): unknown {
  const call = fn instanceof Module ? (): unknown => (fn as unknown as Forward).forward(...(inputs as never[])) : fn;
  if (typeof call !== 'function') throw new ArgumentError(`[recompute] fn: got ${describeValue(fn)}, expected a function of tensors, or a module. Write recompute((x) => block.forward(x), x).`, { op: 'recompute' });
  const result = recomputing(() => (call as (...all: readonly unknown[]) => unknown)(...inputs));
  if (result instanceof Promise) throw new ArgumentError('[recompute] fn: got a function that gives a promise, expected a synchronous one. Await what it needs before, and its result outside.', { op: 'recompute' });
  return result;
}
