import type { Shape } from './shape.js';

/** Numbers of windows that a kernel takes along an axis, counted by the compiler with tuples; sizes from 1000 on are `number`, and checked at the call. */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type Count = [[], [0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0]];
type Size = readonly unknown[];
type Tenfold<T extends Size> = [...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T];

/** A tuple of N elements; undefined where N is not literal, or has more than three digits. */
type Tuple<N extends number> = number extends N ? undefined : `${N}` extends `${Digit}${Digit}${Digit}` | `${Digit}${Digit}` | Digit ? Sized<`${N}`> : undefined;
type Sized<S extends string, Done extends Size = []> = S extends `${infer D extends Digit}${infer Rest}` ? Sized<Rest, [...Tenfold<Done>, ...Count[D & keyof Count]]> : Done;

/** Whole windows of stride S, and what is left behind the last one. */
type Whole<Beyond extends Size, S extends Size, Done extends Size = [0]> = Beyond extends readonly [...S, ...infer Rest] ? Whole<Rest, S, [...Done, 0]> : [Done, Beyond];

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

/** One size for both axes of an image, or one each: [height, width]. */
export type Pair = number | readonly [height: number, width: number];

type Height<P extends Pair> = P extends readonly [infer H extends number, number] ? H : P extends number ? P : number;
type Width<P extends Pair> = P extends readonly [number, infer W extends number] ? W : P extends number ? P : number;

/** Options of windows over images, as far as shapes depend on them. */
export interface WindowOptions {
  readonly stride?: Pair | undefined;
  readonly padding?: Pair | undefined;
  readonly ceilMode?: boolean | undefined;
}

/** An option, or what it is where it is left out. */
type Given<O, Name extends string, Default> = Name extends keyof O ? (undefined extends O[Name] ? Exclude<O[Name], undefined> | Default : O[Name]) : Default;
type PairOf<P> = P extends Pair ? P : number;

/** Windows along one axis of an image. */
type Along<N extends number, K extends number, S extends number, P extends number, O> = Windows<N, K, S, P, Given<O, 'ceilMode', false>>;
type Joined<Front extends Shape, H extends number, W extends number> = [H] extends [never] ? never : [W] extends [never] ? never : [...Front, H, W];

/** The shape [..., H, W] of images after windows of K; never where the kernel is larger than a padded image. */
export type Pooled<S extends Shape, K extends Pair, O> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Front extends number[], infer H extends number, infer W extends number]
    ? Joined<
        Front,
        Along<H, Height<K>, Height<PairOf<Given<O, 'stride', K>>>, Height<PairOf<Given<O, 'padding', 0>>>, O>,
        Along<W, Width<K>, Width<PairOf<Given<O, 'stride', K>>>, Width<PairOf<Given<O, 'padding', 0>>>, O>
      >
    : Shape;

/** A pair as messages write it. */
export type ShowPair<P extends Pair> = P extends readonly [infer H extends number, infer W extends number] ? `[${H},${W}]` : P extends number ? `${P}` : string;
