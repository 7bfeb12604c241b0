import type { DType } from '../dtype.js';
import { flatten as flattenOp } from '../ops/index.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { InferredShape } from './shape-inference.js';
import { Layer, type LayerCall } from './layer.js';
import type { Batched, Example, Flattened, ShapeFunction } from './shape-mismatch.js';
import type { Product } from '../multiply-types.js';

/** The result's shape is known at the call only. */
export interface Unknown extends ShapeFunction {
  readonly out: Shape;
}

/** See flatten(). */
export class Flatten<F extends ShapeFunction = Flattened> extends Layer<Shape, Shape, F> {
  readonly start: number;
  readonly end: number;

  constructor(start: number, end: number) {
    super();
    this.start = start;
    this.end = end;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<F extends Flattened ? Batched<S, [Product<Example<S>>]> : Shape, D> {
    return flattenOp(x as Tensor, this.start, this.end) as never;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin && this.start === 1 && this.end === -1 ? [sizeOf(shape)] : undefined;
  }

  override get call$(): LayerCall {
    return { name: 'flatten', args: this.start === 1 && this.end === -1 ? [] : [this.start, this.end] };
  }
}

/**
 * Makes dimensions `start` to `end`, both included and counted with the batch, one: by default all of an example's, so
 * [32, 1, 28, 28] becomes [32, 784]. As torch.nn.Flatten.
 */
export function flatten(): Flatten;
export function flatten(start: number, end?: number): Flatten<Unknown>;
export function flatten(start = 1, end = -1): Flatten<ShapeFunction> {
  return new Flatten<ShapeFunction>(start, end);
}
