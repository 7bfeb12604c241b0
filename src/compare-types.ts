/** Comparison of literal types over decimal digits. */

/** Order of the lengths of two numerals. */
type ByLength<A extends string, B extends string> = A extends `${string}${infer RestA}` ? (B extends `${string}${infer RestB}` ? ByLength<RestA, RestB> : 'more') : B extends '' ? 'same' : 'less';
/** Order of two numerals of one length. */
type ByDigits<A extends string, B extends string> = A extends `${infer X}${infer RestA}`
  ? B extends `${infer Y}${infer RestB}`
    ? X extends Y
      ? ByDigits<RestA, RestB>
      : '0123456789' extends `${string}${X}${string}${Y}${string}`
        ? 'less'
        : 'more'
    : 'more'
  : 'same';
type Compared<A extends string, B extends string> = ByLength<A, B> extends 'same' ? ByDigits<A, B> : ByLength<A, B>;

/** True if two non-negative integers are literal and the first is greater. */
export type Exceeds<A extends number, B extends number> = number extends A ? false : number extends B ? false : Compared<`${A}`, `${B}`> extends 'more' ? true : false;
