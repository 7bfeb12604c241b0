import { ShapeError } from '../errors.js';
import { argmax, cast, equal, sum } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Metric } from './metric.js';

export interface AccuracyOptions {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number;
}

/**
 * The share of labels that are the class with the greatest output, from 0 to 1; of equal outputs the first counts.
 * outputs [N, C] or [..., C] of any scale, labels [N] or [...] int32. Throws ShapeError where these do not belong together.
 */
export function accuracy(options: AccuracyOptions = {}): Metric<'accuracy'> {
  checkOptions('metrics.accuracy', options, ['axis']);
  const axis = options.axis ?? -1;
  return {
    name: 'accuracy',
    builtin: true,
    measure(outputs: Tensor, labels: Tensor) {
      const predicted: Tensor = argmax(outputs, { axis });
      if (!sameShape(predicted.shape, labels.shape)) {
        throw new ShapeError(
          `[accuracy] the shapes do not fit: got outputs ${showShape(outputs.shape)}, labels ${showShape(labels.shape)}, expected outputs [...,C] and labels [...] of class indices.`,
          { op: 'accuracy', shapes: [outputs.shape, labels.shape] },
        );
      }
      return { sum: sum(cast(equal(predicted, labels), 'float32')), count: sizeOf(labels.shape) };
    },
  };
}
