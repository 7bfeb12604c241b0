import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { add, linear as linearOp } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Differ, Linear as LinearShape, LinearFits } from '../shape-types.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import { fanInUniform } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import type { LoraAdapter } from './lora-adapter.js';
import type { LastDimension } from './shape-mismatch.js';
import { describeValue } from '../describe-value.js';

export interface LinearOptions {
  /** True: b is added. Default true. */
  readonly bias?: boolean | undefined;
  /** Weight [out, in] of another layer that this one shares, such as an embedding's. Default: one of its own. */
  readonly weight?: Parameter<readonly [number, number]> | undefined;
}

/** `unknown` where a shared weight fits, else a property that no options have and that says why not. */
export type SharedFits<W, I extends number, O extends number> = W extends Parameter<readonly [infer R extends number, infer C extends number]>
  ? Differ<R, O> extends true
    ? { readonly error: `[linear] the shared weight has ${R} rows, such as tokens, but the layer gives ${O}` }
    : Differ<C, I> extends true
      ? { readonly error: `[linear] the shared weight has ${C} features, but the layer takes ${I}` }
      : unknown
  : unknown;

/** See linear(). */
export class Linear<I extends number = number, O extends number = number> extends Layer<[I], [O], LastDimension<I, O>> {
  /** [out, in]. */
  readonly weight: Parameter<[O, I]>;
  /** [out]; undefined without. */
  readonly bias: Parameter<[O]> | undefined;
  /** Addition to the weight; see lora(). */
  lora: LoraAdapter | undefined = undefined;

  constructor(inFeatures: I, outFeatures: O, options: LinearOptions = {}) {
    super();
    checkOptions('linear', options, ['bias', 'weight']);
    checkFeatures('inFeatures', inFeatures);
    checkFeatures('outFeatures', outFeatures);
    this.weight = options.weight === undefined ? new Parameter([outFeatures, inFeatures], fanInUniform('weight', inFeatures)) : shared(options.weight, outFeatures, inFeatures);
    this.bias = (options.bias ?? true) ? new Parameter([outFeatures], fanInUniform('bias', inFeatures)) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & LinearFits<S, [O, I]>): Tensor<LinearShape<S, [O, I]>, D> {
    const y = linearOp(x as Tensor, this.weight as Tensor, this.bias) as Tensor;
    return (this.lora === undefined ? y : add(y, this.lora.forward(x as Tensor))) as unknown as Tensor<LinearShape<S, [O, I]>, D>;
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

function shared<O extends number, I extends number>(weight: Parameter, out: O, inputs: I): Parameter<[O, I]> {
  if (weight instanceof Parameter && weight.sparse) {
    throw new ArgumentError(`[linear] weight: got ${String(weight)}, which is sparse, expected one that is not: a head's gradient reaches all rows of a table. Make the embedding without sparse.`, { op: 'linear', shapes: [weight.shape] });
  }
  if (weight instanceof Parameter && weight.maxNorm !== undefined) {
    throw new ArgumentError(`[linear] weight: got ${String(weight)}, which has maxNorm, expected one that has not: a head reads all rows of a table, not those alone that are looked up. Make the embedding without maxNorm.`, { op: 'linear', shapes: [weight.shape] });
  }
  if (weight instanceof Parameter && sameShape(weight.shape, [out, inputs])) return weight as unknown as Parameter<[O, I]>;
  const got = weight instanceof Parameter ? showShape(weight.shape) : describeValue(weight);
  throw new ArgumentError(`[linear] weight: got ${got}, expected a parameter [${out},${inputs}] of another layer. Where it is an embedding's, the layer gives as many features as there are tokens: linear(embeddingDim, numEmbeddings, { weight: embedding.weight }).`, { op: 'linear' });
}

/**
 * A fully connected layer: y = x W^T + b. x [..., in] float32 gives [..., out].
 * W and b start evenly drawn from [-1/sqrt(in), 1/sqrt(in)). As torch.nn.Linear. With `weight` it shares that of another layer, which is trained once for both.
 * Throws ArgumentError for sizes that are no whole numbers and a weight of another shape, and ShapeError when x has another number of features.
 *
 *     const layer = nn.linear(784, 128);       // layer.weight [128, 784], layer.bias [128]
 *     const y = layer.forward(x);              // x [32, 784]: y [32, 128]
 */
export function linear<const I extends number, const O extends number, W extends Parameter<readonly [number, number]> | undefined = undefined>(
  inFeatures: I,
  outFeatures: O,
  options?: LinearOptions & { readonly weight?: W } & SharedFits<W, I, O>,
): Linear<I, O> {
  return new Linear(inFeatures, outFeatures, options);
}
