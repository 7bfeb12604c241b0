// Examples that are sequences of vectors, as layers of language models take them: [T, width], batches [B, T, width].
import { ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** Sequences of vectors of W elements come out as they are; `Layer` is the layer as messages write it. */
export interface SameSequence<Layer extends string, W extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, infer L extends number]
        ? Differ<L, W> extends true
          ? Mismatch<`${Layer} expects ${W} features`, L>
          : this['in']
        : Mismatch<`${Layer} expects examples [T,${W}]`, Show<this['in']>>
    : Shape;
}

/** The shape of an example behind such a layer, which is its own, or what does not fit. */
export function sameSequence(layer: string, width: number, shape: Shape): InferredShape {
  if (shape.length !== 2) return new ShapeMismatch(`${layer} expects examples [T,${width}]`, showShape(shape));
  return shape[1] === width ? shape : new ShapeMismatch(`${layer} expects ${width} features`, shape[1]!);
}

/** Batch and length of [B, T, width]. Throws ShapeError for anything else. */
export function sizesOf(op: string, x: Tensor, width: number, name = 'the input'): readonly [B: number, T: number] {
  const { shape } = x;
  if (shape.length === 3 && shape[2] === width) return [shape[0]!, shape[1]!];
  throw new ShapeError(`[${op}] ${name} does not fit: got ${showShape(shape)}, expected [B,T,${width}]: examples, positions, features. Embed tokens first; put the batch in front.`, { op, shapes: [shape] });
}
