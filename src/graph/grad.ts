import { AnnealError, ArgumentError } from '../errors.js';
import { checkTensor } from '../ops/check.js';
import { checkFlags, checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { gradients } from './autodiff.js';
import { staleError } from './stale.js';

export interface GradOptions {
  /** True: the gradients can be differentiated again. Default false. */
  readonly createGraph?: boolean | undefined;
  /** True: an input that the loss does not depend on gives undefined instead of an error. Default false. */
  readonly allowUnused?: boolean | undefined;
}

/** One gradient for each input, of its shape. */
export type Gradients<T extends readonly Tensor[]> = { readonly [K in keyof T]: T[K] extends Tensor<infer S> ? Tensor<S, 'float32'> : never };

/**
 * The gradients of a scalar with respect to `inputs`, as tensors of the step that is recorded: g[i] = d loss / d inputs[i], of the shape of
 * inputs[i]. Inputs are parameters, tensors made with `requiresGrad: true` or marked by requireGrad(), and what was computed from these. No
 * parameter gets a gradient of it, and nothing runs: that is left to who reads, or to backward() of a loss that they go into.
 * As torch.autograd.grad(). Throws AnnealError (ANNEAL_GRADIENT) where there is no gradient: for a loss of more than one element, an input
 * that does not require a gradient or that the loss does not depend on, and, with `createGraph`, an op that nobody has differentiated twice.
 *
 *     const x = tensor([[1, 2]], { requiresGrad: true });
 *     const [slope] = grad(x.mul(x).sum(), [x], { createGraph: true });
 *     const penalty = slope.mul(slope).sum();                      // its gradient with respect to x is 8 x
 */
export function grad<const T extends readonly Tensor[]>(loss: Tensor, inputs: T, options: GradOptions & { readonly allowUnused: true }): { readonly [K in keyof Gradients<T>]: Gradients<T>[K] | undefined };
export function grad<const T extends readonly Tensor[]>(loss: Tensor, inputs: T, options?: GradOptions): Gradients<T>;
export function grad(loss: Tensor, inputs: readonly Tensor[], options: GradOptions = {}): readonly (Tensor | undefined)[] {
  checkOptions('grad', options, ['createGraph', 'allowUnused']);
  checkFlags('grad', options, ['createGraph', 'allowUnused']);
  checkTensor('grad', loss, 'the loss');
  if (!Array.isArray(inputs)) throw new ArgumentError(`[grad] inputs: got ${describeValue(inputs)}, expected an array of tensors. Write grad(loss, [x]).`, { op: 'grad' });
  inputs.forEach((input, i) => checkInput(loss, input, i));
  if (loss.shape.some((dim) => dim !== 1)) {
    throw refused(`the loss has the shape ${showShape(loss.shape)}, expected a scalar. Reduce it first: grad(loss.sum(), ...).`, loss);
  }
  const terms = loss.requiresGrad ? gradients([loss], inputs, undefined, options.createGraph ?? false) : inputs.map(() => undefined);
  const unused = terms.indexOf(undefined);
  if (unused >= 0 && options.allowUnused !== true) {
    throw refused(`the loss does not depend on input ${unused}, ${String(inputs[unused])}. Take it out, or pass { allowUnused: true }, which gives undefined for it.`, loss);
  }
  return terms;
}

function checkInput(loss: Tensor, input: Tensor, i: number): void {
  checkTensor('grad', input, `input ${i}`);
  if (loss.stale) throw staleError('grad', loss);
  if (input.requiresGrad) return;
  throw refused(`input ${i}, ${String(input)}, does not require a gradient. Make it with tensor(values, { requiresGrad: true }), or call requireGrad() on it before it is used; inside noGrad() nothing does.`, input);
}

function refused(text: string, { shape }: Tensor): AnnealError {
  return new AnnealError('ANNEAL_GRADIENT', `[grad] ${text}`, { op: 'grad', shapes: [shape] });
}
