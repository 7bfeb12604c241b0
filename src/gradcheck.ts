import { AnnealError, ArgumentError } from './errors.js';
import { engine } from './graph/engine.js';
import { grad } from './graph/grad.js';
import { deferring, withoutTracking } from './graph/recorder.js';
import { checkTensor } from './ops/check.js';
import { mul } from './ops/arithmetic.js';
import { fromArray } from './ops/leaf.js';
import { sum } from './ops/reductions.js';
import { checkOptions } from './options.js';
import { describeValue } from './describe-value.js';
import { showShape, sizeOf } from './shape.js';
import type { Tensor } from './tensor.js';

export interface GradcheckOptions {
  /** The step of the differences. Default 1e-6. */
  readonly eps?: number | undefined;
  /** Distance that is allowed between the two: |rule - differences| <= atol + rtol * |differences|. Default 1e-5. */
  readonly atol?: number | undefined;
  /** Default 1e-3. */
  readonly rtol?: number | undefined;
  /** 2 checks the gradients of the gradients instead. Default 1. */
  readonly order?: 1 | 2 | undefined;
}

/**
 * Compares the gradients of a function of tensors with central differences, both in double precision through the plain references:
 * for a gradient rule of your own (defineOp), or a loss. Every element of every float32 input is moved by `eps`; what the function gives is weighed by fixed
 * numbers between 0.5 and 1.5, so that gradients cannot cancel. Returns true. As torch.autograd.gradcheck(), gradgradcheck() with `order: 2`.
 * Throws AnnealError (ANNEAL_GRADIENT) for a gradient that differs, with input, element and both numbers; ArgumentError for a function
 * that reads parameters, or memory that outlives steps: make what it needs an input.
 *
 *     gradcheck((x) => x.mul(x).sum(), [tensor([1, 2, 3])]);
 */
export function gradcheck(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[], options: GradcheckOptions = {}): true {
  checkOptions('gradcheck', options, ['eps', 'atol', 'rtol', 'order']);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, order = 1 } = options;
  for (const [name, value] of Object.entries({ eps, atol, rtol })) {
    if (!(typeof value === 'number' && value > 0 && value < Infinity)) throw new ArgumentError(`[gradcheck] ${name}: got ${describeValue(value)}, expected a number above 0.`, { op: 'gradcheck' });
  }
  if (order !== 1 && order !== 2) throw new ArgumentError(`[gradcheck] order: got ${describeValue(order)}, expected 1 or 2.`, { op: 'gradcheck' });
  if (typeof fn !== 'function') throw new ArgumentError(`[gradcheck] fn: got ${describeValue(fn)}, expected a function of tensors.`, { op: 'gradcheck' });
  const leaves = inputs.map((input, i) => copyOf(input, i));
  const floats = leaves.filter(({ requiresGrad }) => requiresGrad);
  const { loss, rules } = deferring(() =>
    withoutTracking(() => {
      const first = weighed(fn(...leaves));
      const whole = order === 1 ? first : floats.length === 0 ? first : grad(first, floats, { createGraph: true }).map((gradient) => weighed(gradient)).reduce((a, b) => a.add(b) as typeof a);
      return { loss: whole, rules: grad(whole, floats, { allowUnused: true }) as readonly (Tensor | undefined)[] };
    }, true),
  );
  floats.forEach((leaf, i) => {
    const rule = rules[i] === undefined ? new Float64Array(sizeOf(leaf.shape)) : engine().reference(rules[i], NO_INPUTS);
    compare(leaf, leaves.indexOf(leaf), loss, rule, { eps, atol, rtol });
  });
  return true;
}

const NO_INPUTS: ReadonlyMap<Tensor, ArrayLike<number>> = new Map();

function copyOf(input: Tensor, i: number): Tensor {
  checkTensor('gradcheck', input, `input ${i}`);
  if (input.data$ === undefined) throw new ArgumentError(`[gradcheck] input ${i}: got ${String(input)}, expected a tensor made of numbers, as by tensor(values).`, { op: 'gradcheck' });
  const copy = fromArray(input.data$.slice(), input.shape, input.dtype);
  return input.dtype === 'float32' ? copy.requireGrad() : copy;
}

/** The sum of all elements, each weighed differently. */
function weighed(output: Tensor): Tensor {
  const weights = Float32Array.from({ length: sizeOf(output.shape) }, (_, i) => 0.5 + ((i * 0.6180339887498949) % 1));
  return sum(mul(output, fromArray(weights, output.shape, 'float32') as Tensor));
}

function compare(leaf: Tensor, index: number, loss: Tensor, rule: ArrayLike<number>, { eps, atol, rtol }: { readonly eps: number; readonly atol: number; readonly rtol: number }): void {
  const values = Float64Array.from(leaf.data$!);
  for (let i = 0; i < values.length; i++) {
    const at = (step: number): number => engine().reference(loss, new Map([[leaf, values.with(i, values[i]! + step)]]))[0]!;
    const difference = (at(eps) - at(-eps)) / (2 * eps);
    if (Math.abs(rule[i]! - difference) <= atol + rtol * Math.abs(difference)) continue;
    throw new AnnealError(
      'ANNEAL_GRADIENT',
      `[gradcheck] the gradient of input ${index} ${showShape(leaf.shape)} is wrong at element ${i}: got ${rule[i]!}, expected ${difference} by differences. Correct the gradient rule; at a kink move the input.`,
      { op: 'gradcheck', shapes: [leaf.shape] },
    );
  }
}
