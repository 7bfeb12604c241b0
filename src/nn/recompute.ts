import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { recomputing } from '../graph/recorder.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Layer, type LayerCall } from './layer.js';
import { Module, type Inputs, type Outputs } from './module.js';
import type { InferredShape } from './shape-inference.js';
import type { ShapeFunction } from './shape-mismatch.js';

/** See recompute(). */
export class Recompute<I extends ExampleShape = Shape, O extends ExampleShape = Shape, F extends ShapeFunction = ShapeFunction, X = Inputs<I>, Y = Outputs<O>> extends Layer<I, O, F, X, Y> {
  readonly layer: Module<I, O, F, X, Y>;

  constructor(layer: Module<I, O, F, X, Y>) {
    super();
    if (!(layer instanceof Module)) throw new ArgumentError(`[recompute] layer: got ${describeValue(layer)}, expected a layer, as in nn.recompute(nn.linear(4, 3)). A function goes into recompute(fn, x).`, { op: 'recompute' });
    this.layer = layer;
  }

  override forward(x: X, ...more: Tensor[]): Y {
    return recomputing(() => this.layer.forward(x, ...more));
  }

  /** The layer keeps its place, so that names are those of a model without recomputation. */
  override fields$(): Iterable<[string, unknown]> {
    return [['', this.layer]];
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? this.layer.outcome$(shape) : undefined;
  }

  override get builtin(): boolean {
    return this.plain$ && this.layer.builtin;
  }

  override get call$(): LayerCall {
    return { name: 'recompute', args: [this.layer] };
  }
}

/**
 * The layer, whose activations are not kept for the backward pass, but computed again there: see recompute(). Parameters, and random streams, have the names that they have without it, so
 * that a state fits models with and without. As checkpoint_wrapper() of torch.distributed. Throws ArgumentError for what is no layer.
 *
 *     const block = (): nn.Module<[64], [64]> => nn.sequential([64], nn.linear(64, 256), nn.gelu(), nn.linear(256, 64));
 *     const model = nn.sequential([64], nn.recompute(block()), nn.recompute(block()), nn.linear(64, 10));
 */
export function recompute<I extends ExampleShape, O extends ExampleShape, F extends ShapeFunction, X, Y>(layer: Module<I, O, F, X, Y>): Recompute<I, O, F, X, Y> {
  return new Recompute(layer);
}
