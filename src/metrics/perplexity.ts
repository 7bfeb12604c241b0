import { cast, crossEntropy, equal, mul, notEqual, stack, sum, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { mean } from './accumulators.js';
import type { Metric, NameOption } from './metric.js';

export interface PerplexityOptions<N extends string> extends NameOption<N> {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /** Labels that are not looked at, such as those of padding. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * e to the power of the mean cross-entropy over all labels of all batches: among how many classes the model is undecided, on
 * average. outputs [..., C] are logits, labels [...] int32. NaN of nothing.
 * Throws ShapeError, DTypeError; IndexError when the step runs and a label is out of range.
 */
export function perplexity<const N extends string = 'perplexity'>(options: PerplexityOptions<N> = {}): Metric<N> {
  const op = 'perplexity';
  checkOptions(`metrics.${op}`, options, ['axis', 'ignoreIndex', 'name']);
  const { axis, ignoreIndex } = options;
  const nats = (outputs: Tensor, labels: Tensor): Tensor => crossEntropy(outputs, labels, axis === undefined ? undefined : { axis }) as Tensor;
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'min',
    measure(outputs, given) {
      const labels = given as Tensor<readonly number[], 'int32'>;
      const count = sizeOf(labels.shape);
      if (ignoreIndex === undefined) return { sum: sum(nats(outputs, labels)), count };
      const looked = cast(notEqual(labels, ignoreIndex), 'float32') as Tensor;
      const each = nats(outputs, where(equal(labels, ignoreIndex), 0, labels) as Tensor);
      return { sum: stack([sum(mul(each, looked)), sum(looked)] as Tensor[]), count };
    },
    accumulator: () => mean(Math.exp),
  };
}
