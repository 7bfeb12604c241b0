import { ArgumentError } from '../errors.js';
import { goneError } from '../graph/gone.js';
import { composing, record } from '../graph/recorder.js';
import { checkRequired } from '../options.js';
import { broadcastShapes, sameShape, showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from './check.js';
import type { CompositeRecord } from './record.js';
import { sumTo } from './reductions.js';

export interface OpDefinition {
  /** Stands in messages. */
  readonly name: string;
  /** The value, composed of ops. */
  readonly forward: (...inputs: Tensor[]) => Tensor;
  /** d loss / d inputs from d loss / d output, composed of ops; undefined for an input without gradient. */
  readonly gradient: (dy: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | undefined)[];
}

/**
 * An op with a gradient of your own: where the composed one is unstable, or is not the one that you want. Without `gradient` in mind,
 * a plain function of ops does the same.
 * Throws ArgumentError for a definition that is incomplete, and when a gradient has not the shape of its input; one of a shape that it broadcasts to is summed.
 *
 *     const reverse = defineOp({
 *       name: 'gradientReversal',
 *       forward: (x) => x.mul(1),
 *       gradient: (dy) => [dy.neg()],
 *     });
 *     const y = reverse(x);
 */
export function defineOp(definition: OpDefinition): (...inputs: Tensor[]) => Tensor {
  checkRequired('defineOp', definition, ['name', 'forward', 'gradient']);
  const { name, forward, gradient } = definition;
  if (typeof name !== 'string' || typeof forward !== 'function' || typeof gradient !== 'function') {
    throw new ArgumentError('[defineOp] the definition is incomplete: expected { name, forward, gradient }.', { op: 'defineOp' });
  }
  const op: CompositeRecord = {
    name,
    kind: 'composite',
    infer: (inputs) => composing(() => result(name, forward(...inputs))),
    decompose: (inputs) => forward(...inputs),
    gradient: (dy, output) => checked(name, output.inputs, gradient(dy, output.inputs, output)),
    saves: { inputs: Array.from({ length: forward.length }, (_, i) => i), output: true },
    tolerance: { absolute: 0, relative: 0 },
    examples: [],
  };
  return (...inputs) => record(op, inputs);
}

function result(name: string, value: unknown): Tensor {
  checkTensor(name, value, 'what forward gives');
  if (value.stale) throw goneError(name, value);
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
