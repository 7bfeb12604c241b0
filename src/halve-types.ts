import type { Shape } from './shape.js';

/** Halves of literal types, by long division over decimal digits, the highest first. */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
/** Half of a digit with the ten that the one before it left. */
type Half = {
  '0': { '0': '0'; '1': '0'; '2': '1'; '3': '1'; '4': '2'; '5': '2'; '6': '3'; '7': '3'; '8': '4'; '9': '4' };
  '1': { '0': '5'; '1': '5'; '2': '6'; '3': '6'; '4': '7'; '5': '7'; '6': '8'; '7': '8'; '8': '9'; '9': '9' };
};
type IsOdd<D extends Digit> = D extends '1' | '3' | '5' | '7' | '9' ? '1' : '0';

type Digits<S extends string, Left extends '0' | '1' = '0', Done extends string = ''> = S extends `${infer D extends Digit}${infer Rest}`
  ? Digits<Rest, IsOdd<D>, Done extends '' ? (Half[Left][D] extends '0' ? '' : Half[Left][D]) : `${Done}${Half[Left][D]}`>
  : Left extends '1' ? never : Done extends '' ? 0 : Done extends `${infer N extends number}` ? N : number;

/** N / 2; never of an odd N, number of one that is not literal. */
export type Halve<N extends number> = number extends N ? number : Digits<`${N}`>;

/** The shape with half of its last dimension. */
export type HalveLast<S extends Shape> = number extends S['length'] ? Shape : S extends readonly [...infer H extends number[], infer L extends number] ? [...H, [Halve<L>] extends [never] ? number : Halve<L>] : Shape;
