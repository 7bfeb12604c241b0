import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Product } from '../multiply-types.js';

/**
 * Shapes of examples, computed and checked by the compiler. A dimension of type `number`, and a shape of unknown rank (Shape),
 * are not checked here but at the call.
 */

/**
 * Rule by which a layer changes the shape of one example: an interface whose `out` is computed from `this['in']`. A layer whose `out` is
 * `unknown` has fixed shapes, those that its Module type declares.
 */
export interface ShapeFunction {
  readonly in: unknown;
  readonly out: unknown;
}

/** The `out` of a layer that does not fit what comes before it: what it expects, and what it gets instead. */
export interface ShapeMismatch<Expects extends string, Gets extends string | number> {
  readonly expects: Expects;
  readonly gets: Gets;
}

type Unranked<S extends Shape> = number extends S['length'] ? true : false;

/** True if two shapes are known well enough to say that they are not the same. */
export type DifferShapes<A extends Shape, B extends Shape> = Unranked<A> extends true
  ? false
  : Unranked<B> extends true
    ? false
    : A extends readonly [infer X extends number, ...infer RestA extends number[]]
      ? B extends readonly [infer Y extends number, ...infer RestB extends number[]]
        ? Differ<X, Y> extends true
          ? true
          : DifferShapes<RestA, RestB>
        : true
      : B extends readonly [number, ...number[]]
        ? true
        : false;

/** A shape as messages write it: [28,28]. */
export type Show<S extends Shape, Text extends string = ''> = Unranked<S> extends true
  ? '[...]'
  : S extends readonly [infer H extends number, ...infer Rest extends number[]]
    ? Show<Rest, Text extends '' ? `${H}` : `${Text},${H}`>
    : `[${Text}]`;

/** The shape without the batch in front. */
export type Example<S extends Shape> = Unranked<S> extends true ? Shape : S extends readonly [number, ...infer Rest extends number[]] ? Rest : Shape;

/** The shape of a batch of examples O, whose batch size is that of S. */
export type Batched<S extends Shape, O extends Shape> = Unranked<O> extends true ? Shape : S extends readonly [infer B extends number, ...number[]] ? [B, ...O] : [number, ...O];

/** `unknown` where a batch S holds examples that a model for I takes, else the reason why not. */
export type TakesBatch<I extends Shape, S extends Shape> = DifferShapes<I, Example<S>> extends true
  ? `the model takes examples of ${Show<I>}, but these are of ${Show<Example<S>>}`
  : unknown;

/** The same shape comes out. */
export interface Same extends ShapeFunction {
  readonly out: this['in'] extends Shape ? this['in'] : Shape;
}

/** linear(I, O): the last dimension I becomes O. */
export interface LastDimension<I extends number, O extends number> extends ShapeFunction {
  readonly out: this['in'] extends readonly [...infer H extends number[], infer L extends number]
    ? Differ<L, I> extends true
      ? ShapeMismatch<`linear(${I}, ${O}) expects ${I} features`, L>
      : [...H, O]
    : this['in'] extends readonly []
      ? ShapeMismatch<`linear(${I}, ${O}) expects ${I} features`, 'none'>
      : Shape;
}

/** flatten(): one dimension of all elements. */
export interface Flattened extends ShapeFunction {
  readonly out: this['in'] extends Shape ? [Product<this['in']>] : Shape;
}

/** Shapes that a module's type declares. */
export interface Shapes<I extends ExampleShape = Shape, O extends ExampleShape = Shape, F extends ShapeFunction = ShapeFunction> {
  readonly in: I;
  readonly out: O;
  readonly function: F;
}

/** Any layer, as far as shapes go. */
export interface Shaped {
  readonly shapes$: Shapes;
}

/** Output of layer L for an example of shape S: a shape, or a ShapeMismatch. */
export type Apply<L extends Shaped, S extends Shape> = unknown extends L['shapes$']['function']['out']
  ? Fixed<L['shapes$']['in'], L['shapes$']['out'], S>
  : (L['shapes$']['function'] & { readonly in: S })['out'];

type Fixed<I extends Shape, O extends Shape, S extends Shape> = DifferShapes<I, S> extends true ? ShapeMismatch<`this module expects ${Show<I>}`, Show<S>> : O;

/** Layers that the compiler cannot tell apart: an array, spread or as the only argument. */
type Untold<Ls extends readonly unknown[]> = number extends Ls['length'] ? true : Ls extends readonly [readonly Shaped[]] ? true : false;

/** Output of a chain of layers. */
export type Chain<S extends Shape, Ls extends readonly unknown[]> = Untold<Ls> extends true
  ? Shape
  : Ls extends readonly [infer L extends Shaped, ...infer Rest]
    ? Apply<L, S> extends infer O extends Shape
      ? Chain<O, Rest>
      : Shape
    : S;

/** The layers as they are, but for the first that does not fit: in its place stands the reason, so that the error is on it. */
export type Fitting<S extends Shape, Ls extends readonly unknown[], Before extends string = 'the input has', Done extends unknown[] = []> = Untold<Ls> extends true
  ? Ls
  : Ls extends readonly [infer L extends Shaped, ...infer Rest]
    ? Apply<L, S> extends infer O
      ? O extends ShapeMismatch<infer Expects, infer Gets>
        ? [...Done, `${Expects}, but ${Before} ${Gets}`, ...Rest]
        : O extends Shape
          ? Fitting<O, Rest, 'the layer before it gives', [...Done, L]>
          : Ls
      : never
    : Done;
