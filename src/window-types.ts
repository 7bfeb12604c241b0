import type { Multiply } from './multiply-types.js';
import type { Shape } from './shape.js';

/** Numbers of windows that a kernel takes along an axis, counted by the compiler with tuples; sizes from 1000 on are `number`, and checked at the call. */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type Count = [[], [0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0]];
type Size = readonly unknown[];
type Tenfold<T extends Size> = [...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T];

/** A tuple of N elements; undefined where N is not literal, or has more than three digits. */
type Tuple<N extends number> = number extends N ? undefined : `${N}` extends `${Digit}${Digit}${Digit}` | `${Digit}${Digit}` | Digit ? Sized<`${N}`> : undefined;
type Sized<S extends string, Done extends Size = []> = S extends `${infer D extends Digit}${infer Rest}` ? Sized<Rest, [...Tenfold<Done>, ...Count[D & keyof Count]]> : Done;

/** Whole windows of stride S, and what is left behind the last one: ten at a time, as each step costs the compiler as much as all that is left. */
type Whole<Beyond extends Size, S extends Size> = S extends readonly [unknown] ? [[0, ...Beyond], []] : Tens<Beyond, S, Tenfold<S>, [0]>;
type Tens<Beyond extends Size, S extends Size, Ten extends Size, Done extends Size> = Beyond extends readonly [...Ten, ...infer Rest] ? Tens<Rest, S, Ten, [...Done, ...Tenfold<[0]>]> : Ones<Beyond, S, Done>;
type Ones<Beyond extends Size, S extends Size, Done extends Size> = Beyond extends readonly [...S, ...infer Rest] ? Ones<Rest, S, [...Done, 0]> : [Done, Beyond];

/** Windows of K elements, S apart, over N elements with P of padding on either side; never where not one fits. */
export type Windows<N extends number, K extends number, S extends number, P extends number, Ceil> =
  [Tuple<N>, Tuple<K>, Tuple<S>, Tuple<P>] extends [infer TN extends Size, infer TK extends readonly [unknown, ...unknown[]], infer TS extends readonly [unknown, ...unknown[]], infer TP extends Size]
    ? [...TN, ...TP, ...TP] extends [...TK, ...infer Beyond]
      ? TN extends readonly []
        ? never
        : Whole<Beyond, TS> extends [infer Done extends Size, infer Left extends Size]
          ? [Ceil] extends [true]
            ? Left extends readonly []
              ? Done['length']
              : [...TK, ...Left] extends [...TP, ...TS, unknown, ...unknown[]]
                ? [...Done, 0]['length']
                : Done['length']
            : [Ceil] extends [false]
              ? Done['length']
              : number
          : number
      : never
    : number;

/** K elements of a kernel, D apart. */
type Spread<K extends Size, D extends Size, Done extends Size = [0]> = K extends readonly [unknown, unknown, ...infer Rest] ? Spread<[0, ...Rest], D, [...Done, ...D]> : Done;
/** Elements that a kernel reaches over; K itself where its elements lie side by side. */
type Reach<K extends number, D extends number> = D extends 1 ? K : [Tuple<K>, Tuple<D>] extends [infer TK extends Size, infer TD extends Size] ? Spread<TK, TD>['length'] & number : number;

/** Number of spatial axes: sequences, images, volumes. */
export type SpatialRank = 1 | 2 | 3;
type Sizes = { 1: readonly [width: number]; 2: readonly [height: number, width: number]; 3: readonly [depth: number, height: number, width: number] };

/** One size for all axes, or one each: [height, width]. */
export type PerAxis<R extends SpatialRank = SpatialRank> = number | Sizes[R];
/** The same, where null is the size that the images have. */
export type AdaptiveSize<R extends SpatialRank = SpatialRank> = number | null | OrNull<Sizes[R]>;
type OrNull<T> = { [I in keyof T]: T[I] | null };

/** Options of windows, as far as shapes depend on them. */
export interface WindowOptions<R extends SpatialRank = SpatialRank> {
  readonly stride?: PerAxis<R> | undefined;
  readonly padding?: PerAxis<R> | 'same' | 'valid' | undefined;
  readonly dilation?: PerAxis<R> | undefined;
  readonly ceilMode?: boolean | undefined;
}

/** An option, or what it is where it is left out. */
type Given<O, Name extends string, Default> = Name extends keyof O ? (undefined extends O[Name] ? Exclude<O[Name], undefined> | Default : O[Name]) : Default;
/** The size of axis I. */
type SizeOf<P, I extends number> = P extends readonly number[] ? (P[I] extends number ? P[I] : number) : P extends number ? P : number;

/** Windows along axis I, of N elements. */
type Along<N extends number, I extends number, K, O, Stride> = Given<O, 'padding', 0> extends infer P
  ? P extends 'same'
    ? N
    : Windows<N, Reach<SizeOf<K, I>, SizeOf<Given<O, 'dilation', 1>, I>>, SizeOf<Given<O, 'stride', Stride>, I>, P extends 'valid' ? 0 : SizeOf<P, I>, Given<O, 'ceilMode', false>>
  : never;

/** Sizes of all axes after windows of K, whose stride is `Stride` where O does not say; never where the kernel is larger than what is padded. */
export type WindowsOf<S extends Shape, K, O, Stride, Done extends number[] = []> = S extends readonly [infer N extends number, ...infer Rest extends number[]]
  ? Along<N, Done['length'], K, O, Stride> extends infer W
    ? [W] extends [never]
      ? never
      : WindowsOf<Rest, K, O, Stride, [...Done, W & number]>
    : never
  : Done;

/** A shape as what is in front, and its last R axes; never where there are fewer. */
type Split<R extends SpatialRank, S extends Shape> = S extends readonly [...infer Front extends number[], infer L extends number]
  ? R extends 1
    ? [Front, [L]]
    : Split<R extends 3 ? 2 : 1, Front> extends [infer Rest extends number[], infer Spatial extends number[]]
      ? [Rest, [...Spatial, L]]
      : never
  : never;

/** The shape [..., H, W] of images of R axes after pooling by windows of K; never where the kernel is larger than a padded image. */
export type Pooled<R extends SpatialRank, S extends Shape, K extends PerAxis<R>, O> = number extends S['length']
  ? Shape
  : Split<R, S> extends [infer Front extends number[], infer Spatial extends number[]]
    ? WindowsOf<Spatial, K, O, K> extends infer Out
      ? [Out] extends [never]
        ? never
        : [...Front, ...(Out extends Shape ? Out : number[])]
      : never
    : Shape;

/** The shape [..., h, w] of images of R axes after a pooling to the size K. */
export type AdaptivePooled<R extends SpatialRank, S extends Shape, K extends AdaptiveSize<R>> = number extends S['length']
  ? Shape
  : Split<R, S> extends [infer Front extends number[], infer Spatial extends number[]]
    ? [...Front, ...Resized<Spatial, K>]
    : Shape;

/** Sizes as messages write them. */
export type ShowPerAxis<P> = P extends readonly (number | null)[] ? `[${Joined<P>}]` : P extends number | null ? `${P}` : string;
type Joined<P extends readonly (number | null)[], Text extends string = ''> = P extends readonly [infer H extends number | null, ...infer Rest extends (number | null)[]] ? Joined<Rest, Text extends '' ? `${H}` : `${Text},${H}`> : Text;

/** False where N is known to leave a remainder by G. */
export type Divides<N extends number, G extends number> = [Tuple<N>, Tuple<G>] extends [infer TN extends Size, infer TG extends readonly [unknown, ...unknown[]]]
  ? TN extends readonly [...TG, ...infer Rest] ? (Whole<Rest, TG> extends [unknown, readonly []] ? true : false) : false
  : true;

/** N elements with B in front and F behind; number where that is not told, or some are left away. */
type Surrounded<N extends number, B extends number, F extends number> =
  [Tuple<N>, Tuple<B>, Tuple<F>] extends [infer TN extends Size, infer TB extends Size, infer TF extends Size] ? [...TB, ...TN, ...TF]['length'] & number : number;

/** The shape with padding: two numbers for each axis, the last axis first. */
export type Padded<S extends Shape, P extends readonly number[], Done extends number[] = []> = number extends S['length']
  ? Shape
  : number extends P['length']
    ? { -readonly [I in keyof S]: number }
    : P extends readonly [infer B extends number, infer F extends number, ...infer Rest extends number[]]
      ? S extends readonly [...infer Front extends number[], infer N extends number]
        ? Padded<Front, Rest, [Surrounded<N, B, F>, ...Done]>
        : Done
      : [...S, ...Done];

/** Sizes times the factors F, where those are whole; else they are known at the call. */
type Scaled<S extends Shape, F, Done extends number[] = []> = S extends readonly [infer N extends number, ...infer Rest extends number[]]
  ? SizeOf<F, Done['length']> extends infer By extends number
    ? Scaled<Rest, F, [...Done, `${By}` extends `${bigint}` ? Multiply<N, By> : number]>
    : never
  : Done;

/** Sizes of K, as many as S has; those of S where K is null. */
type Resized<S extends Shape, K, Done extends number[] = []> = S extends readonly [infer N extends number, ...infer Rest extends number[]] ? Resized<Rest, K, [...Done, SizeOr<N, K extends readonly unknown[] ? K[Done['length']] : K>]> : Done;
/** The size K; N where it is null. */
type SizeOr<N extends number, K> = [K] extends [null] ? N : K extends number ? K : number;

/** The shape of images [N, C, ..] after an interpolation with the options O. */
export type Interpolated<S extends Shape, O> = number extends S['length']
  ? Shape
  : S extends readonly [infer N extends number, infer C extends number, ...infer Spatial extends number[]]
    ? O extends { readonly size: infer K extends PerAxis }
      ? [N, C, ...Resized<Spatial, K>]
      : O extends { readonly scaleFactor: infer F extends PerAxis }
        ? [N, C, ...Scaled<Spatial, F>]
        : Shape
    : Shape;

/** N / G where it is told and whole; else a number. */
type Quotient<N extends number, G extends number> = [Tuple<N>, Tuple<G>] extends [infer TN extends Size, infer TG extends readonly [unknown, ...unknown[]]]
  ? TN extends readonly [...TG, ...infer Rest] ? (Whole<Rest, TG> extends [infer Done extends Size, readonly []] ? Done['length'] & number : number) : number
  : number;

/** The shape of images [.., C, H, W] whose channels become squares of RxR pixels. */
export type Shuffled<S extends Shape, R extends number> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Front extends number[], infer C extends number, infer H extends number, infer W extends number]
    ? [...Front, Quotient<C, Multiply<R, R>>, Multiply<H, R>, Multiply<W, R>]
    : Shape;

/** The shape of images [.., C, H, W] whose squares of RxR pixels become channels. */
export type Unshuffled<S extends Shape, R extends number> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Front extends number[], infer C extends number, infer H extends number, infer W extends number]
    ? [...Front, Multiply<C, Multiply<R, R>>, Quotient<H, R>, Quotient<W, R>]
    : Shape;
