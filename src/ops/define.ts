import { AnnealError, ArgumentError } from '../errors.js';
import { staleError } from '../graph/stale.js';
import { withoutTrackingOf, record } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import { checkRequired } from '../options.js';
import { broadcastShapes, sameShape, showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from './check.js';
import type { CompositeRecord } from './record.js';
import { sumTo } from './broadcasting.js';

export interface OpDefinition {
  /** Stands in messages. */
  readonly name: string;
  /** The value, composed of ops. Called whenever the op is. */
  readonly forward: (...inputs: Tensor[]) => Tensor;
  /** d loss / d inputs from d loss / d output, composed of ops; undefined for an input without gradient. Called by each backward(). */
  readonly gradient: (dy: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | undefined)[];
}

/**
 * An op with a gradient of your own: where the composed one is unstable, or is not the one that you want. Without `gradient` in mind,
 * a plain function of ops does the same. Both functions may take numbers, choices and random keys from outside: each call records what
 * they are then. Tensors that require gradients have to be inputs.
 * Throws ArgumentError for a definition that is incomplete, and when a gradient has not the shape of its input (one of a shape that it
 * broadcasts to is summed); AnnealError (ANNEAL_GRADIENT) for a forward that takes a tensor which requires a gradient from outside.
 *
 *     let strength = 0;
 *     const reverse = defineOp({
 *       name: 'gradientReversal',
 *       forward: (x) => x.mul(1),
 *       gradient: (dy) => [dy.mul(-strength)],
 *     });
 *     const y = reverse(x);
 */
export function defineOp(definition: OpDefinition): (...inputs: Tensor[]) => Tensor {
  checkRequired('defineOp', definition, ['name', 'forward', 'gradient']);
  const { name, forward, gradient } = definition;
  if (typeof name !== 'string' || typeof forward !== 'function' || typeof gradient !== 'function') {
    throw new ArgumentError('[defineOp] the definition is incomplete: expected { name, forward, gradient }.', { op: 'defineOp' });
  }
  const records = new Map<number, CompositeRecord>();
  return (...inputs) => {
    const value = resultOf(name, withoutTrackingOf(inputs, () => forward(...inputs)));
    if (value.requiresGrad && !inputs.includes(value)) throw fromOutside(name, inputs, value);
    let op = records.get(inputs.length);
    if (op === undefined) records.set(inputs.length, (op = recordOf(name, inputs.length, gradient)));
    return record(op, [value, ...inputs]);
  };
}

/** The op as a node: its value, which forward has composed already, then the operands of the call. */
function recordOf(name: string, operands: number, gradient: OpDefinition['gradient']): CompositeRecord {
  return {
    name,
    kind: 'composite',
    closure: true,
    infer: ([result]) => ({ shape: result!.shape, dtype: result!.dtype }),
    decompose: ([result]) => result!,
    gradient: ([dy], output) => {
      const inputs = output.inputs.slice(1);
      return [undefined, ...checked(name, inputs, gradient(dy, inputs, output))];
    },
    saves: { inputs: Array.from({ length: operands }, (_, i) => 1 + i), outputs: [0] },
    tolerance: { absolute: 0, relative: 0 },
    examples: () => [],
  };
}

function resultOf(name: string, value: unknown): Tensor {
  checkTensor(name, value, 'what forward gives');
  if (value.stale) throw staleError(name, value);
  return value;
}

/** Gradients of the inputs' shapes: what was broadcast is summed, as torch does with those of its own functions. */
function checked(name: string, inputs: readonly Tensor[], gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
  return inputs.map((input, i) => {
    const gradient = gradients[i];
    if (gradient === undefined || sameShape(gradient.shape, input.shape)) return gradient;
    const both = broadcastShapes(input.shape, gradient.shape);
    if (both !== undefined && sameShape(both, gradient.shape)) return sumTo(gradient, input.shape);
    throw new ArgumentError(
      `[${name}] the gradient of input ${i} has the wrong shape: got ${showShape(gradient.shape)}, expected ${showShape(input.shape)}, or what that broadcasts to. Sum or reshape it.`,
      { op: name, shapes: [gradient.shape, input.shape] },
    );
  });
}

/** The error for a value that depends on a tensor which is no operand: no rule gives that one a gradient. */
function fromOutside(name: string, inputs: readonly Tensor[], result: Tensor): AnnealError {
  const nodes = postOrder([result], (node) => (node.requiresGrad && !inputs.includes(node) ? node.inputs : []));
  const source = nodes.find((node) => node.requiresGrad && node.inputs.length === 0 && !inputs.includes(node));
  return new AnnealError(
    'ANNEAL_GRADIENT',
    `[${name}] forward depends on ${String(source ?? result)}, which requires a gradient and is no input of the op: it would get none. Make it an input, or detach() it.`,
    { op: name },
  );
}
