import type { DType } from '../dtype.js';
import * as ops from '../ops/index.js';
import type { EluOptions, GeluOptions, LeakyReluOptions } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { InferredShape } from './shape-inference.js';
import { Layer, type LayerCall } from './layer.js';
import type { Same } from './shape-mismatch.js';

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
