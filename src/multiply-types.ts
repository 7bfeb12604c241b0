/** Products of literal types, for layers whose sizes multiply. Long multiplication over decimal digits, the lowest first. */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
/** A tuple of as many elements as the digit says. */
interface Count {
  '0': [];
  '1': [0];
  '2': [0, 0];
  '3': [0, 0, 0];
  '4': [0, 0, 0, 0];
  '5': [0, 0, 0, 0, 0];
  '6': [0, 0, 0, 0, 0, 0];
  '7': [0, 0, 0, 0, 0, 0, 0];
  '8': [0, 0, 0, 0, 0, 0, 0, 0];
  '9': [0, 0, 0, 0, 0, 0, 0, 0, 0];
}
type Size = readonly unknown[];

type Digits<S extends string, Done extends Digit[] = []> = S extends `${infer D extends Digit}${infer Rest}` ? Digits<Rest, [D, ...Done]> : Done;
/** Digits to a number, without leading zeros. */
type Join<Ds extends readonly Digit[], Text extends string = ''> = Ds extends readonly [infer D extends Digit, ...infer Rest extends Digit[]]
  ? Join<Rest, `${D}${Text}`>
  : Numeral<Text>;
type Numeral<Text extends string> = Text extends `0${infer Rest}` ? (Rest extends '' ? 0 : Numeral<Rest>) : Text extends `${infer N extends number}` ? N : number;

type Repeat<A extends Size, B extends Size, Sum extends Size> = B extends readonly [unknown, ...infer Rest] ? Repeat<A, Rest, [...Sum, ...A]> : Sum;
/** A size below 100 as [units, tens]. */
type Split<N extends Size> = `${N['length'] & number}` extends `${infer T extends Digit}${infer U extends Digit}` ? [U, T] : [`${N['length'] & number}` & Digit, '0'];

type TimesDigit<Ds extends readonly Digit[], B extends Digit, Carry extends Digit = '0', Done extends Digit[] = []> = Ds extends readonly [
  infer D extends Digit,
  ...infer Rest extends Digit[],
]
  ? Split<Repeat<Count[D], Count[B], Count[Carry]>> extends [infer U extends Digit, infer T extends Digit]
    ? TimesDigit<Rest, B, T, [...Done, U]>
    : never
  : Carry extends '0'
    ? Done
    : [...Done, Carry];

type Add<A extends readonly Digit[], B extends readonly Digit[], Carry extends Digit = '0', Done extends Digit[] = []> = A extends readonly [
  infer X extends Digit,
  ...infer RestA extends Digit[],
]
  ? B extends readonly [infer Y extends Digit, ...infer RestB extends Digit[]]
    ? Split<[...Count[X], ...Count[Y], ...Count[Carry]]> extends [infer U extends Digit, infer T extends Digit]
      ? Add<RestA, RestB, T, [...Done, U]>
      : never
    : Carry extends '0'
      ? [...Done, ...A]
      : Add<A, [Carry], '0', Done>
  : B extends readonly [Digit, ...Digit[]]
    ? Add<B, A, Carry, Done>
    : Carry extends '0'
      ? Done
      : [...Done, Carry];

type LongProduct<A extends readonly Digit[], B extends readonly Digit[], Shift extends Digit[] = [], Sum extends readonly Digit[] = []> = B extends readonly [
  infer D extends Digit,
  ...infer Rest extends Digit[],
]
  ? LongProduct<A, Rest, ['0', ...Shift], Add<Sum, [...Shift, ...TimesDigit<A, D>]>>
  : Sum;

/** A * B of non-negative integers; number where one of them is not literal. */
export type Multiply<A extends number, B extends number> = number extends A
  ? number
  : number extends B
    ? number
    : Join<LongProduct<Digits<`${A}`>, Digits<`${B}`>>>;

/** The product of all dimensions of a shape. */
export type Product<S extends readonly number[], P extends number = 1> = number extends S['length']
  ? number
  : S extends readonly [infer H extends number, ...infer Rest extends number[]]
    ? Product<Rest, Multiply<P, H>>
    : P;
