import { ArgumentError } from '../errors.js';
import { composing, record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { CompositeRecord } from './record.js';

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
 * Throws ArgumentError for a definition that is incomplete, and when a gradient has not the shape of its input.
 *
 *     const reverse = defineOp({
 *       name: 'gradientReversal',
 *       forward: (x) => x.mul(1),
 *       gradient: (dy) => [dy.neg()],
 *     });
 *     const y = reverse(x);
 */
export function defineOp(definition: OpDefinition): (...inputs: Tensor[]) => Tensor {
  checkOptions('defineOp', definition, ['name', 'forward', 'gradient']);
  const { name, forward, gradient } = definition;
  if (typeof name !== 'string' || typeof forward !== 'function' || typeof gradient !== 'function') {
    throw new ArgumentError('[defineOp] the definition is incomplete: expected { name, forward, gradient }.', { op: 'defineOp' });
  }
  const op: CompositeRecord = {
    name,
    kind: 'composite',
    infer: (inputs) => composing(() => forward(...inputs)),
    decompose: (inputs) => forward(...inputs),
    gradient: (dy, output) => checked(name, output.inputs, gradient(dy, output.inputs, output)),
    saves: { inputs: Array.from({ length: forward.length }, (_, i) => i), output: true },
    tolerance: { absolute: 0, relative: 0 },
    examples: [],
  };
  return (...inputs) => record(op, inputs);
}

function checked(name: string, inputs: readonly Tensor[], gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
  inputs.forEach((input, i) => {
    const gradient = gradients[i];
    if (gradient === undefined || sameShape(gradient.shape, input.shape)) return;
    throw new ArgumentError(
      `[${name}] the gradient of input ${i} has the wrong shape: got ${showShape(gradient.shape)}, expected ${showShape(input.shape)}. Sum over what was broadcast: sumTo(gradient, shape).`,
      { op: name, shapes: [gradient.shape, input.shape] },
    );
  });
  return gradients;
}
