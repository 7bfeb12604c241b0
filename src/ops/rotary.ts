import { ArgumentError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { record } from '../graph/recorder.js';
import type { DType } from '../dtype.js';
import { checkChoice, checkOptions } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { add, mul, sub } from './arithmetic.js';
import { checkDType, checkTensor, FLOAT } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { concat, stack } from './joining.js';
import { fromArray } from './leaf.js';
import type { Example } from './record.js';
import { keptTable, positionsFrom, type OffsetOption } from './positions.js';
import { slice } from './slicing.js';
import { COMPOSED } from './tolerance.js';
import { reshape } from './views.js';

type RotaryAttrs = { readonly interleaved: boolean };

/** Inputs: x [.., T, D], and cosines and sines that broadcast to [.., T, R/2]; the last D - R elements stay. */
export const rotaryEmbeddingOp = composite<RotaryAttrs>({
  name: 'rotaryEmbedding',
  infer: ([x, cosines, sines]) => {
    for (const input of [x!, cosines!, sines!]) checkDType('rotaryEmbedding', input, FLOAT);
    const D = x!.shape.at(-1) ?? 0;
    if (x!.shape.length < 2 || !sameShape(cosines!.shape, sines!.shape) || 2 * (cosines!.shape.at(-1) ?? 1) > D) {
      throw new ShapeError(`[rotaryEmbedding] the shapes do not fit: got x ${showShape(x!.shape)}, angles ${showShape(cosines!.shape)}, expected x [..,T,D] and angles [..,T,R/2] with R <= D.`, { op: 'rotaryEmbedding', shapes: [x!.shape] });
    }
    return { shape: x!.shape, dtype: 'float32' };
  },
  decompose: ([x, cosines, sines], { interleaved }) => {
    const half = cosines!.shape.at(-1)!;
    const [a, b] = interleaved ? pairs(x!, half) : [slice(x!, 0, half, { axis: -1 }), slice(x!, half, 2 * half, { axis: -1 })];
    const turned = [sub(mul(a, cosines!), mul(b, sines!) as never) as Tensor, add(mul(b, cosines!), mul(a, sines!) as never) as Tensor] as const;
    const rotated = interleaved ? reshape(stack(turned, -1), [...x!.shape.slice(0, -1), 2 * half]) : undefined;
    const rest = x!.shape.at(-1)! > 2 * half ? [slice(x!, 2 * half, undefined, { axis: -1 })] : [];
    const parts = rotated === undefined ? [...turned, ...rest] : [rotated as Tensor, ...rest];
    return parts.length === 1 ? parts[0]! : concat(parts, -1);
  },
  saves: { inputs: [0, 1, 2] },
  tolerance: COMPOSED,
  examples: () => rotaryExamples(),
});

/** Elements 0, 2, .. and 1, 3, .. of the last dimension. */
function pairs(x: Tensor, half: number): [Tensor, Tensor] {
  return [slice(x, 0, 2 * half, { axis: -1, step: 2 }), slice(x, 1, 2 * half, { axis: -1, step: 2 })];
}

function rotaryExamples(): Example[] {
  const cases: [Shape, Shape][] = [[[5, 8], [5, 4]], [[2, 3, 4, 6], [4, 3]], [[2, 3, 4, 7], [2, 1, 4, 2]], [[0, 4], [0, 2]]];
  return cases.flatMap(([x, angles]) => [false, true].map((interleaved) => example([{ shape: x }, { shape: angles }, { shape: angles }], { interleaved })));
}

export interface RotaryOptions {
  /** Base of the wavelengths. Default 10000. */
  readonly base?: number | undefined;
  /** Elements of a head that are turned, an even number; the others stay. Default: all. */
  readonly dims?: number | undefined;
  /** 'halfSplit': element i is turned with element i + dims / 2, as in Llama and GPT-NeoX. 'interleaved': element 2i with 2i + 1, as in GPT-J and the paper. Default 'halfSplit'. */
  readonly layout?: 'halfSplit' | 'interleaved' | undefined;
}

export interface RotaryCallOptions extends RotaryOptions, OffsetOption {}

const KNOWN = ['base', 'dims', 'layout'];

/** Throws for options that are wrong; `width`: the size of the last dimension. */
export function checkRotary(op: string, options: RotaryOptions | undefined, width: number, more: readonly string[] = []): Required<{ [K in keyof RotaryOptions]: NonNullable<RotaryOptions[K]> }> {
  checkOptions(op, options, [...KNOWN, ...more]);
  const { base = 10000, dims = width, layout = 'halfSplit' } = options ?? {};
  checkChoice(op, 'layout', layout, ['halfSplit', 'interleaved']);
  if (!(typeof base === 'number' && base > 0 && base < Infinity)) throw new ArgumentError(`[${op}] base: got ${describeValue(base)}, expected a number above 0, such as 10000.`, { op });
  if (!(Number.isInteger(dims) && dims > 0 && dims % 2 === 0 && dims <= width)) {
    throw new ArgumentError(`[${op}] dims: got ${describeValue(dims)} of a head of ${width}, expected an even number of at least 2 that is not above it.`, { op });
  }
  return { base, dims, layout };
}

/** Cosines and sines of position / base^(2i / dims), in double precision, then rounded: [T, dims/2], or [B, 1, .., T, dims/2] beside an x of that rank. */
function angles(positions: Int32Array, T: number, rank: number, rotation: Rotation): [Tensor, Tensor] {
  const half = rotation.dims / 2;
  const fromZero = positions.length === T && positions[0] === 0;
  const [cosines, sines] = fromZero ? keptTable(`rotary ${T} ${rotation.dims} ${rotation.base}`, () => tablesOf(positions, rotation)) : tablesOf(positions, rotation);
  const B = positions.length / Math.max(T, 1);
  const shape = positions.length === T ? [T, half] : [B, ...Array.from({ length: rank - 3 }, () => 1), T, half];
  return [fromArray(cosines, shape, 'float32') as Tensor, fromArray(sines, shape, 'float32') as Tensor];
}

interface Rotation {
  readonly base: number;
  readonly dims: number;
}

function tablesOf(positions: Int32Array, { base, dims }: Rotation): [Float32Array, Float32Array] {
  const half = dims / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => base ** ((-2 * i) / dims));
  const [cosines, sines] = [new Float32Array(positions.length * half), new Float32Array(positions.length * half)];
  positions.forEach((position, at) => {
    for (let i = 0; i < half; i++) {
      cosines[at * half + i] = Math.cos(position * frequencies[i]!);
      sines[at * half + i] = Math.sin(position * frequencies[i]!);
    }
  });
  return [cosines, sines];
}

/**
 * Rotary position embedding: pairs (a, b) of elements at position p become (a cos pw - b sin pw, b cos pw + a sin pw), with w = base^(-2i / dims) for pair i. x [.., T, D] float32
 * of queries or keys, as [B, heads, T, D], gives its shape; `layout` says which elements are a pair. Source: Su et al., arXiv:2104.09864.
 * Throws ShapeError, DTypeError, and ArgumentError for options that are wrong.
 *
 *     const turned = rotaryEmbedding(zeros([2, 4, 16, 32]), { layout: 'interleaved' });      // [2, 4, 16, 32]
 */
export function rotaryEmbedding<S extends Shape, D extends DType>(x: Tensor<S, D>, options?: RotaryCallOptions): Tensor<S, D> {
  const op = 'rotaryEmbedding';
  checkTensor(op, x);
  const { shape } = x;
  if (shape.length < 2) throw new ShapeError(`[${op}] got ${showShape(shape)}, expected [..,T,D]: positions, then the elements of a head.`, { op, shapes: [shape] });
  const given = checkRotary(op, options, shape.at(-1)!, ['offset']);
  const T = shape.at(-2)!;
  const positions = positionsFrom(op, options?.offset ?? 0, T, shape.length > 2 ? shape[0]! : 1);
  return record(rotaryEmbeddingOp, [x as Tensor, ...angles(positions, T, shape.length, given)], { interleaved: given.layout === 'interleaved' });
}

export const rotaryOps = { rotaryEmbedding: rotaryEmbeddingOp };
