import type { DType } from '../dtype.js';
import type { Halve } from '../halve-types.js';
import * as ops from '../ops/index.js';
import type { EluOptions, GeluOptions, LeakyReluOptions } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import { Layer, type LayerCall } from './layer.js';
import type { Same, Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** A function of each element, without parameters. */
export class Activation extends Layer<Shape, Shape, Same> {
  readonly name: string;
  /** True of one that is 0, and without a slope, for many inputs: a unit for which it always is so is dead. */
  readonly mayDie: boolean;
  readonly #apply: (x: Tensor) => Tensor;
  readonly #options: object | undefined;

  constructor(name: string, apply: (x: Tensor) => Tensor, { mayDie = false, options }: { readonly mayDie?: boolean; readonly options?: object } = {}) {
    super();
    this.name = name;
    this.mayDie = mayDie;
    this.#options = options && { ...options };
    this.#apply = apply;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    return this.#apply(x as Tensor) as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? shape : undefined;
  }

  override get call$(): LayerCall {
    return { name: this.name, args: [], options: this.#options };
  }
}

/** max(x, 0). As torch.nn.ReLU. */
export function relu(): Activation {
  return new Activation('relu', (x) => ops.relu(x), { mayDie: true });
}

/** x * P(X <= x) of a normal X, or its tanh approximation. As torch.nn.GELU. Source: Hendrycks and Gimpel, arXiv:1606.08415. */
export function gelu(options: GeluOptions = {}): Activation {
  checkOptions('gelu', options, ['approximate']);
  checkChoice('gelu', 'approximate', options.approximate ?? 'none', ['none', 'tanh']);
  return new Activation('gelu', (x) => ops.gelu(x, options), { options });
}

/** The hyperbolic tangent. As torch.nn.Tanh. */
export function tanh(): Activation {
  return new Activation('tanh', (x) => ops.tanh(x));
}

/** 1 / (1 + exp(-x)). As torch.nn.Sigmoid. */
export function sigmoid(): Activation {
  return new Activation('sigmoid', (x) => ops.sigmoid(x));
}

/** x where x > 0, else negativeSlope * x. As torch.nn.LeakyReLU. */
export function leakyRelu(options: LeakyReluOptions = {}): Activation {
  checkOptions('leakyRelu', options, ['negativeSlope']);
  return new Activation('leakyRelu', (x) => ops.leakyRelu(x, options), { options });
}

/** x where x > 0, else alpha * (exp(x) - 1). As torch.nn.ELU. Source: Clevert et al., arXiv:1511.07289. */
export function elu(options: EluOptions = {}): Activation {
  checkOptions('elu', options, ['alpha']);
  return new Activation('elu', (x) => ops.elu(x, options), { options });
}

/** x / (1 + exp(-x)), also called swish. As torch.nn.SiLU. Source: Elfwing et al., arXiv:1702.03118. */
export function silu(): Activation {
  return new Activation('silu', (x) => ops.silu(x));
}

/** log(1 + exp(x)). As torch.nn.Softplus with beta 1. */
export function softplus(): Activation {
  return new Activation('softplus', (x) => ops.softplus(x));
}

/** exp(x) / sum exp(x) over the last axis. As torch.nn.Softmax(-1). Not before losses.crossEntropy, which takes logits. */
export function softmax(): Activation {
  return new Activation('softmax', (x) => ops.softmax(x));
}

/** log softmax(x) over the last axis. As torch.nn.LogSoftmax(-1). Not before losses.crossEntropy, which takes logits. */
export function logSoftmax(): Activation {
  return new Activation('logSoftmax', (x) => ops.logSoftmax(x));
}

/** Layers by which half of the features are the gates of the others. */
type GateName = 'glu' | 'swiglu' | 'geglu';

/** Half as many features come out. */
export interface HalfOfFeatures<Name extends GateName> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [...infer H extends number[], infer L extends number]
        ? [Halve<L>] extends [never]
          ? Mismatch<`${Name}() expects an even number of features`, L>
          : [...H, Halve<L>]
        : Mismatch<`${Name}() expects an even number of features`, Show<this['in']>>
    : Shape;
}

/** Half of the features, each times an activation of one of the others. */
export class Gated<Name extends GateName = GateName> extends Layer<Shape, Shape, HalfOfFeatures<Name>> {
  readonly name: Name;
  readonly #apply: (x: Tensor) => Tensor;
  readonly #options: GeluOptions | undefined;

  constructor(name: Name, apply: (x: Tensor) => Tensor, options?: GeluOptions) {
    super();
    this.name = name;
    this.#apply = apply;
    this.#options = options;
  }

  override forward(x: Tensor): Tensor {
    return this.#apply(x);
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const last = shape.at(-1) ?? 1;
    return last % 2 === 0 ? [...shape.slice(0, -1), last / 2] : new ShapeMismatch(`${this.toString()} expects an even number of features`, shape.length === 0 ? showShape(shape) : last, 'Give the layer before it twice as many.');
  }

  override get call$(): LayerCall {
    return { name: this.name, args: [], options: this.#options };
  }
}

/** a * sigmoid(b), with the halves a and b of the features. As torch.nn.GLU(-1). Source: Dauphin et al., arXiv:1612.08083. */
export function glu(): Gated<'glu'> {
  return new Gated('glu', (x) => ops.glu(x));
}

/**
 * a * silu(b), with the halves a and b of the features. Source: Shazeer, arXiv:2002.05202.
 *
 *     const feedForward = nn.sequential([64], nn.linear(64, 2 * 172), nn.swiglu(), nn.linear(172, 64));
 */
export function swiglu(): Gated<'swiglu'> {
  return new Gated('swiglu', (x) => ops.swiglu(x));
}

/** a * gelu(b), with the halves a and b of the features. Source: Shazeer, arXiv:2002.05202. */
export function geglu(options: GeluOptions = {}): Gated<'geglu'> {
  checkOptions('geglu', options, ['approximate']);
  checkChoice('geglu', 'approximate', options.approximate ?? 'none', ['none', 'tanh']);
  return new Gated('geglu', (x) => ops.geglu(x, options), options);
}
