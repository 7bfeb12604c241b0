import type { DType } from '../dtype.js';
import { unchanged } from '../ops/alias.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Layer, type LayerCall } from './layer.js';
import type { InferredShape } from './shape-inference.js';
import type { Same } from './shape-mismatch.js';

/** See identity(). */
export class Identity extends Layer<Shape, Shape, Same> {
  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    return unchanged(x);
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? shape : undefined;
  }

  override get call$(): LayerCall {
    return { name: 'identity', args: [] };
  }
}

/** Passes on what it is given: stands where a layer is left out, as on the short way of a residual block. As torch.nn.Identity, but takes no arguments. */
export function identity(): Identity {
  return new Identity();
}
