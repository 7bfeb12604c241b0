import { showShape, type Shape } from '../shape.js';
import type { SpatialRank } from '../window-types.js';
import { ShapeMismatch } from './shape-inference.js';
import type { Show, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** Names of examples, and their axes, by the number of spatial ones. */
const EXAMPLES = { 1: 'sequences [C,L]', 2: 'images [C,H,W]', 3: 'volumes [C,D,H,W]' } as const;

/** The mismatch of a layer for examples of that spatial rank, and examples of another. */
export type NoExamples<Layer extends string, R extends SpatialRank, S extends Shape> = Mismatch<`${Layer} expects ${(typeof EXAMPLES)[R]}`, Show<S>>;

/** The mismatch of a layer for examples of that spatial rank, if this is none. */
export function noExamples(layer: string, rank: SpatialRank, example: Shape): ShapeMismatch | undefined {
  return example.length === rank + 1 ? undefined : new ShapeMismatch(`${layer} expects ${EXAMPLES[rank]}`, showShape(example), 'Put a layer that makes such in front.');
}
