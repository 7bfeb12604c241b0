import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { linear as linearOp } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Linear as LinearShape, LinearFits } from '../shape-types.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import { fanInUniform } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import type { LastDimension } from './shape-mismatch.js';
import { describeValue } from '../describe-value.js';

export interface LinearOptions {
  /** True: b is added. Default true. */
  readonly bias?: boolean | undefined;
}

/** See linear(). */
export class Linear<I extends number = number, O extends number = number> extends Layer<[I], [O], LastDimension<I, O>> {
  /** [out, in]. */
  readonly weight: Parameter<[O, I]>;
  /** [out]; undefined without. */
  readonly bias: Parameter<[O]> | undefined;

  constructor(inFeatures: I, outFeatures: O, options: LinearOptions = {}) {
    super();
    checkOptions('linear', options, ['bias']);
    checkFeatures('inFeatures', inFeatures);
    checkFeatures('outFeatures', outFeatures);
    this.weight = new Parameter([outFeatures, inFeatures], fanInUniform('weight', inFeatures));
    this.bias = (options.bias ?? true) ? new Parameter([outFeatures], fanInUniform('bias', inFeatures)) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & LinearFits<S, [O, I]>): Tensor<LinearShape<S, [O, I]>, D> {
    return linearOp(x as Tensor, this.weight as Tensor, this.bias) as unknown as Tensor<LinearShape<S, [O, I]>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const [out, inputs] = this.weight.shape;
    const features = shape.at(-1) ?? 'none';
    return features === inputs ? [...shape.slice(0, -1), out] : new ShapeMismatch(`${this.toString()} expects ${inputs} features`, features);
  }

  override get call$(): LayerCall {
    const [out, inputs] = this.weight.shape;
    return { name: 'linear', args: [inputs, out], options: { bias: this.bias !== undefined } };
  }
}

function checkFeatures(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return;
  throw new ArgumentError(`[linear] ${name}: got ${describeValue(value)}, expected a whole number. Give the sizes as in linear(784, 128).`, { op: 'linear' });
}

/**
 * A fully connected layer: y = x W^T + b. x [..., in] float32 gives [..., out].
 * W and b start evenly drawn from [-1/sqrt(in), 1/sqrt(in)). As torch.nn.Linear.
 * Throws ArgumentError for sizes that are no whole numbers, and ShapeError when x has another number of features.
 *
 *     const layer = nn.linear(784, 128);       // layer.weight [128, 784], layer.bias [128]
 *     const y = layer.forward(x);              // x [32, 784]: y [32, 128]
 */
export function linear<const I extends number, const O extends number>(inFeatures: I, outFeatures: O, options?: LinearOptions): Linear<I, O> {
  return new Linear(inFeatures, outFeatures, options);
}
