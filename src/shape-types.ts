import type { DType } from './dtype.js';
import type { Shape } from './shape.js';

/**
 * Shapes as types. A dimension of type `number` is unchecked here and checked at the call; a shape of unknown rank
 * (`Shape`) stays unknown. Results are tuples without `readonly`, which are assignable to those with.
 */

/** True if the rank is unknown. */
type Unranked<S extends Shape> = number extends S['length'] ? true : false;

/** A shape as it was written, without `readonly`. */
export type Plain<S extends Shape> = Unranked<S> extends true ? Shape : [...S];

/** One dimension of `a op b`; never where the sizes don't meet. */
type Meet<X extends number, Y extends number> = X extends 1
  ? Y
  : Y extends 1
    ? X
    : number extends X
      ? Y
      : number extends Y
        ? X
        : X extends Y
          ? X
          : never;

/** The shape of `a op b`, by NumPy's rules. */
export type Broadcast<A extends Shape, B extends Shape> =
  Unranked<A> extends true ? Shape : Unranked<B> extends true ? Shape : A extends B ? Plain<A> : BroadcastRanked<A, B>;

type BroadcastRanked<A extends Shape, B extends Shape, Done extends Shape = []> = A extends readonly [...infer AH extends number[], infer AL extends number]
  ? B extends readonly [...infer BH extends number[], infer BL extends number]
    ? BroadcastRanked<AH, BH, [Meet<AL, BL>, ...Done]>
    : [...A, ...Done]
  : [...B, ...Done];

/** The first dimensions, from the back, that don't meet, as [of a, of b]; never where all do. */
type Clash<A extends Shape, B extends Shape> = A extends readonly [...infer AH extends number[], infer AL extends number]
  ? B extends readonly [...infer BH extends number[], infer BL extends number]
    ? [Meet<AL, BL>] extends [never]
      ? [AL, BL]
      : Clash<AH, BH>
    : never
  : never;

/** True if the dtypes are known and differ. */
type Mixed<D extends DType, All = D> = DType extends D ? false : D extends unknown ? ([All] extends [D] ? false : true) : never;

/** `unknown` where two operands fit together, else the reason why not: intersected with the second operand's type. */
export type Fits<Op extends string, A extends Shape, B extends Shape, D extends DType> =
  true extends Mixed<D>
    ? `[${Op}] operands differ in dtype: cast one`
    : Unranked<A> extends true
      ? unknown
      : Unranked<B> extends true
        ? unknown
        : [Clash<A, B>] extends [never]
          ? unknown
          : Clash<A, B> extends [infer X extends number, infer Y extends number]
            ? `[${Op}] the shapes do not broadcast: ${X} and ${Y}`
            : unknown;

/** `unknown` for whole numbers that stand for classes or positions, else the reason why not. */
export type Indices<Op extends string, What extends string, D extends DType> = DType extends D ? unknown : D extends 'int32' ? unknown : `[${Op}] ${What} are int32, got ${D}`;

type Last<S extends Shape> = S extends readonly [...Shape, infer L extends number] ? L : number;
type Init<S extends Shape> = S extends readonly [...infer H extends number[], number] ? H : [];
/** The dimension that a product sums over, of its second operand. */
type InnerOf<B extends Shape> = B extends readonly [infer K extends number] ? K : Last<Init<B>>;

/** The shape of `a @ b`, as torch.matmul: vectors, matrices, and batches that broadcast. */
export type MatMul<A extends Shape, B extends Shape> =
  Unranked<A> extends true
    ? Shape
    : Unranked<B> extends true
      ? Shape
      : A extends readonly [number]
        ? B extends readonly [number]
          ? []
          : [...Init<Init<B>>, Last<B>]
        : B extends readonly [number]
          ? Init<A>
          : [...Broadcast<Init<Init<A>>, Init<Init<B>>>, Last<Init<A>>, Last<B>];

/** True if two sizes that have to be equal are known and differ. */
export type Differ<X extends number, Y extends number> = number extends X ? false : number extends Y ? false : X extends Y ? false : true;

/** `unknown` where a product exists, else the reason why not. */
export type MatMulFits<A extends Shape, B extends Shape, D extends DType> =
  true extends Mixed<D>
    ? `[matmul] operands differ in dtype: cast one`
    : Unranked<A> extends true
      ? unknown
      : Unranked<B> extends true
        ? unknown
        : Differ<Last<A>, InnerOf<B>> extends true
          ? `[matmul] inner dimensions differ: a has ${Last<A>}, b has ${InnerOf<B>}`
          : Fits<'matmul', Init<Init<A>>, Init<Init<B>>, D>;

/** The shape of linear(x, weight): the last dimension becomes the number of rows of weight. */
export type Linear<S extends Shape, W extends Shape> =
  Unranked<S> extends true ? Shape : W extends readonly [infer O extends number, number] ? [...Init<S>, O] : [...Init<S>, number];

export type LinearFits<S extends Shape, W extends Shape> =
  Unranked<S> extends true
    ? unknown
    : W extends readonly [number, infer I extends number]
      ? Differ<Last<S>, I> extends true
        ? `[linear] weight takes ${I} features, x has ${Last<S>}`
        : unknown
      : unknown;

/** Tuples of each length, for counting from the back. */
type Back = {
  1: [number];
  2: [number, number];
  3: [number, number, number];
  4: [number, number, number, number];
  5: [number, number, number, number, number];
  6: [number, number, number, number, number, number];
  7: [number, number, number, number, number, number, number];
  8: [number, number, number, number, number, number, number, number];
};

/** The position of an axis as a numeral, counted from the front. */
type Position<S extends Shape, A extends number> = A extends unknown
  ? `${A}` extends `-${infer N extends keyof Back}`
    ? S extends readonly [...infer H, ...Back[N]]
      ? `${H['length'] & number}`
      : never
    : `${A}`
  : never;

type Positions<S extends Shape, A> = A extends number ? Position<S, A> : A extends readonly number[] ? Position<S, A[number]> : never;

/** True if an axis argument is known while compiling. */
type Known<A> = A extends number ? (number extends A ? false : true) : A extends readonly number[] ? (number extends A[number] ? false : true) : false;

type Drop<S extends Shape, P extends string, Keep, Done extends Shape = [], At extends unknown[] = []> = S extends readonly [
  infer H extends number,
  ...infer R extends number[],
]
  ? Drop<R, P, Keep, `${At['length']}` extends P ? (Keep extends true ? [...Done, 1] : Done) : [...Done, H], [...At, 0]>
  : Done;

/** The shape that is left after reducing the axes A (undefined: all). */
export type Reduce<S extends Shape, A, Keep> =
  Unranked<S> extends true
    ? A extends undefined ? (Keep extends true ? Shape : []) : Shape
    : A extends undefined
      ? Keep extends true ? { -readonly [I in keyof S]: 1 } : []
      : Known<A> extends true
        ? Drop<S, Positions<S, A>, Keep>
        : Shape;

/** The shape with axes in another order. */
export type Permute<S extends Shape, Axes extends readonly number[]> =
  Unranked<S> extends true
    ? Shape
    : Unranked<Axes> extends true
      ? Shape
      : { -readonly [I in keyof Axes]: Positions<S, Axes[I]> extends infer P extends keyof S ? S[P] & number : number };

/** The shape with two axes swapped. */
export type Transpose<S extends Shape, A extends number, B extends number> =
  Unranked<S> extends true ? Shape : Known<A> extends true ? (Known<B> extends true ? Swap<S, Position<S, A>, Position<S, B>> : Shape) : Shape;

type Swap<S extends Shape, P extends string, Q extends string> = {
  -readonly [I in keyof S]: I extends P ? At<S, Q> : I extends Q ? At<S, P> : S[I];
};
type At<S extends Shape, P extends string> = P extends keyof S ? (S[P] extends number ? S[P] : number) : number;

/** The shape of t(): two dimensions, swapped. */
export type Turned<S extends Shape> = S extends readonly [infer M extends number, infer N extends number] ? [N, M] : Shape;

/** A shape as given to reshape: -1 becomes a size that is known at the call. */
export type Resolved<S extends Shape> = Unranked<S> extends true ? Shape : { -readonly [I in keyof S]: S[I] extends -1 ? number : S[I] };

/** A shape as given to expand: -1 stands for the size that is there, which is counted from the last dimension. */
export type Expand<S extends Shape, T extends Shape> = Unranked<T> extends true ? Shape : -1 extends T[number] ? (Unranked<S> extends true ? Resolved<T> : Kept<S, T>) : Plain<T>;

type Kept<S extends Shape, T extends Shape, Done extends Shape = []> = T extends readonly [...infer TH extends number[], infer TL extends number]
  ? S extends readonly [...infer SH extends number[], infer SL extends number]
    ? Kept<SH, TH, [TL extends -1 ? SL : TL, ...Done]>
    : [...T, ...Done]
  : Done;

/** The same rank, sizes unknown. */
export type SomeSizes<S extends Shape> = Unranked<S> extends true ? Shape : { -readonly [I in keyof S]: number };

/** The shape with one axis resized. */
export type Resize<S extends Shape, A extends number, N extends number = number> =
  Unranked<S> extends true
    ? Shape
    : Known<A> extends true
      ? { -readonly [I in keyof S]: I extends Position<S, A> ? N : S[I] }
      : SomeSizes<S>;

/** The shape with a dimension of size 1 put in front of axis A (negative: of the result's). */
export type Unsqueeze<S extends Shape, A extends number> =
  Unranked<S> extends true ? Shape : Known<A> extends true ? Insert<S, Position<[...S, 1], A>> : Shape;

type Insert<S extends Shape, P extends string, Done extends Shape = []> = `${Done['length']}` extends P
  ? [...Done, 1, ...S]
  : S extends readonly [infer H extends number, ...infer R extends number[]]
    ? Insert<R, P, [...Done, H]>
    : Shape;

/** The shape with axis A as the dimensions T. */
export type Unflatten<S extends Shape, A extends number, T extends Shape> =
  Unranked<S> extends true ? Shape : Unranked<T> extends true ? Shape : Known<A> extends true ? Replace<S, Position<S, A>, Resolved<T>> : Shape;

type Replace<S extends Shape, P extends string, T extends Shape, Done extends Shape = []> = S extends readonly [infer H extends number, ...infer R extends number[]]
  ? `${Done['length']}` extends P
    ? [...Done, ...T, ...R]
    : Replace<R, P, T, [...Done, H]>
  : Shape;

/** The shape of gather along the first axis. */
export type GatherFirst<S extends Shape, I extends Shape> =
  Unranked<S> extends true ? Shape : Unranked<I> extends true ? Shape : S extends readonly [number, ...infer R extends number[]] ? [...I, ...R] : Shape;

/** The shape that a nested array has, as far as its type says. */
export type ShapeOfNested<N> = [N] extends [readonly (infer E)[]]
  ? ShapeOfNested<E> extends infer Inner extends Shape
    ? [LengthOf<N>, ...Inner]
    : Shape
  : [N] extends [number | boolean]
    ? []
    : [N] extends [ArrayBufferView]
      ? [number]
      : Shape;

type LengthOf<N> = N extends { readonly length: infer L extends number } ? L : number;
