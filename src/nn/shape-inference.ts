import { ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Module } from './module.js';

/** Mismatch of a layer and the shape of its examples: what it expects, and what it gets instead. The value to the type of that name in shape-mismatch.ts. */
export class ShapeMismatch {
  constructor(
    readonly expects: string,
    readonly gets: string | number,
    readonly advice = 'Make the two sizes the same.',
  ) {}
}

/** Output shape of a layer for the shape of one example. Undefined: that shows at the call only. */
export type InferredShape = Shape | ShapeMismatch | undefined;

/**
 * The shape of what comes out of a chain of layers for one example of shape `input`, as far as it is known before a call.
 * Throws ShapeError for the first layer that does not fit, in the words of the compiler.
 */
export function chainShape(input: Shape, layers: readonly Module[]): Shape | undefined {
  let shape = input;
  for (const [i, layer] of layers.entries()) {
    const outcome = layer.outcome$(shape);
    if (outcome === undefined) return undefined;
    if (outcome instanceof ShapeMismatch) {
      const before = i === 0 ? 'the input has' : 'the layer before it gives';
      throw new ShapeError(`[sequential] layer ${i}: ${outcome.expects}, but ${before} ${outcome.gets}. ${outcome.advice}`, {
        op: 'sequential',
        shapes: [shape],
      });
    }
    shape = outcome;
  }
  return shape;
}

/** The mismatch for a module that takes examples of one shape only. */
export function expectExactly(expected: Shape, got: Shape): ShapeMismatch {
  return new ShapeMismatch(`this module expects ${showShape(expected)}`, showShape(got));
}
