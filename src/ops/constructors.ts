import { dtypes, holds, wholeRange, type DType, type TypedArray } from '../dtype.js';
import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkAttached, isNumericArray } from '../numeric-array.js';
import { checkChoice, checkFlags, checkOptions } from '../options.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Plain, ShapeOfNested } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { cast } from './cast.js';
import { checkLimits, checkShape, MAX_RANK } from './check.js';
import { example } from './examples.js';
import { fromArray, scalar } from './leaf.js';
import type { KernelRecord } from './record.js';
import { sum } from './reductions.js';
import { EXACT } from './tolerance.js';

/** Numbers or truth values, nested as deep as the shape has dimensions; the innermost may be typed arrays. */
export type Nested = number | boolean | readonly Nested[] | readonly Source[];
type Source = Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray;
/** Values with their shape and dtype, as load() and toArrays() give them. */
export interface ShapedValues {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Row-major. */
  readonly data: TypedArray;
}

/** The dtype that an array becomes where none is given. */
type DTypeOf<T> = [T] extends [ShapedValues]
  ? T['dtype']
  : [T] extends [Float32Array | Float64Array]
  ? 'float32'
  : [T] extends [Int32Array]
    ? 'int32'
    : [T] extends [Uint8Array | Uint8ClampedArray]
      ? 'uint8'
      : [T] extends [boolean]
        ? 'bool'
        : [T] extends [number]
          ? 'float32'
          : [T] extends [readonly (infer E)[]]
            ? DTypeOf<E>
            : DType;

type GivenDType<T, D> = D extends DType ? D : DTypeOf<T>;
type GivenShape<T, S> = S extends Shape ? Plain<S> : T extends ShapedValues ? T['shape'] : T extends ArrayBufferView ? [number] : ShapeOfNested<T>;

export interface TensorOptions<S extends Shape | undefined = Shape | undefined, D extends DType | undefined = DType | undefined> {
  /** Default: what the nesting shows; [length] for a typed array; what comes with the values. */
  readonly shape?: S | undefined;
  /** Default: the typed array's, or what comes with the values; 'bool' for booleans, 'float32' for numbers. */
  readonly dtype?: D | undefined;
  /** True: grad() can differentiate with respect to it; float32 only. Default false. */
  readonly requiresGrad?: boolean | undefined;
  /** 'finite' looks for NaN and infinity. */
  readonly check?: 'finite' | undefined;
}

/**
 * A tensor of the given values, which are copied.
 *
 *     tensor([[1, 2], [3, 4]])                                   // [2,2] float32
 *     tensor(new Uint8Array(6), { shape: [2, 3] })               // [2,3] uint8
 *
 * What load() and toArrays() give, { shape, dtype, data }, has its shape and dtype with it:
 *
 *     await save(nn.sequential([2], nn.linear(2, 3)), 'line.safetensors');
 *     for (const [name, values] of await load('line.safetensors')) console.log(name, tensor(values).shape);      // 0.weight [3, 2], 0.bias [3]
 *
 * Throws DataError for ragged arrays, elements that are no numbers or do not fit the dtype, a number of elements that does not fit
 * the shape, and, with check: 'finite', for NaN and infinity.
 */
export function tensor<const T extends Nested | Source | ShapedValues, const S extends Shape | undefined = undefined, const D extends DType | undefined = undefined>(
  values: T,
  options?: TensorOptions<S, D>,
): Tensor<GivenShape<T, S>, GivenDType<T, D>> {
  checkOptions('tensor', options, ['shape', 'dtype', 'check', 'requiresGrad']);
  checkFlags('tensor', options ?? {}, ['requiresGrad']);
  if (options?.check !== undefined) checkChoice('tensor', 'check', options.check, ['finite']);
  const shaped = isShaped(values) ? values : undefined;
  const source = shaped !== undefined || ArrayBuffer.isView(values) ? fromView((shaped?.data ?? values) as Source) : fromNested(values as Nested);
  const dtype = options?.dtype ?? shaped?.dtype ?? source.dtype;
  const shape = options?.shape ?? shaped?.shape ?? source.shape;
  checkChoice('tensor', 'dtype', dtype, Object.keys(dtypes));
  checkShape('tensor', shape);
  if (sizeOf(shape) !== source.values.length) {
    throw new DataError(`[tensor] the number of elements differs: got ${source.values.length}, expected ${sizeOf(shape)} for the shape ${showShape(shape)}. Correct the shape.`, {
      op: 'tensor',
      shapes: [shape],
    });
  }
  if (options?.check === 'finite') checkFinite(source.values, dtype);
  const made = fromArray(convert(source.values, dtype, source.dtype), shape, dtype);
  return (options?.requiresGrad === true ? made.requireGrad() : made) as unknown as Tensor<GivenShape<T, S>, GivenDType<T, D>>;
}

interface Flat {
  readonly values: ArrayLike<number>;
  readonly shape: Shape;
  readonly dtype: DType;
}

function isShaped(values: unknown): values is ShapedValues {
  return typeof values === 'object' && values !== null && 'data' in values && ArrayBuffer.isView(values.data);
}

function fromView(values: Source): Flat {
  checkAttached('tensor', 'values', values);
  const shape = [values.length];
  if (values instanceof Float32Array || values instanceof Float64Array) return { values, shape, dtype: 'float32' };
  if (values instanceof Int32Array) return { values, shape, dtype: 'int32' };
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return { values, shape, dtype: 'uint8' };
  const name = (values as object).constructor.name;
  throw new DTypeError(`[tensor] the array's type is not supported: got ${name}, expected Float32Array, Float64Array, Int32Array or Uint8Array. Convert it: Float32Array.from(values, Number).`, {
    op: 'tensor',
  });
}

function fromNested(nested: Nested): Flat {
  const shape: number[] = [];
  let inner: unknown = nested;
  // An array that holds itself has no end.
  for (; Array.isArray(inner) && shape.length <= MAX_RANK; inner = inner[0]) shape.push(inner.length);
  const row = ArrayBuffer.isView(inner) ? fromView(inner as Source) : undefined;
  if (row !== undefined) shape.push(row.values.length);
  checkLimits('tensor', shape);
  const values: number[] = [];
  collect(nested, shape, 0, [], row?.values.constructor ?? typeof inner, values);
  if (row !== undefined) return { ...row, values, shape };
  return { values, shape, dtype: typeof inner === 'boolean' ? 'bool' : 'float32' };
}

/** Appends the elements below one level of nesting to `into`, checking that all levels and kinds (of numbers, or of typed arrays) agree. */
function collect(level: unknown, shape: Shape, depth: number, path: number[], kind: string | Function, into: number[]): void {
  if (typeof kind === 'function' && depth === shape.length - 1) {
    const row = level as Source;
    if (!ArrayBuffer.isView(level) || level.constructor !== kind || row.length !== shape[depth]) throw odd(path, level, `a ${kind.name} of ${shape[depth]}`);
    for (let i = 0; i < row.length; i++) into.push(row[i]!);
    return;
  }
  if (depth === shape.length) {
    if (typeof level !== kind || (kind !== 'number' && kind !== 'boolean')) throw odd(path, level, kind === 'boolean' ? 'a boolean' : 'a number');
    into.push(Number(level));
    return;
  }
  if (!Array.isArray(level) || level.length !== shape[depth]) throw odd(path, level, `an array of ${shape[depth]}`);
  for (let i = 0; i < level.length; i++) collect(level[i], shape, depth + 1, [...path, i], kind, into);
}

function odd(path: readonly number[], got: unknown, expected: string): DataError {
  const kind = Array.isArray(got) || isNumericArray(got) ? `an array of ${got.length}` : typeof got === 'string' ? `the string '${got}'` : describeValue(got);
  return new DataError(`[tensor] the values are ragged or no numbers: got ${kind} at [${path.join('][')}], expected ${expected}. Give every row the same length.`, { op: 'tensor' });
}

/** Range of a dtype, as it stands in messages. */
function rangeOf(dtype: DType): string {
  const [low, high] = wholeRange[dtype]!;
  return `a whole number from ${low} to ${high}`;
}

/** A copy as `dtype`. */
function convert(values: ArrayLike<number>, dtype: DType, from: DType): TypedArray {
  const copy = dtypes[dtype].array === (values as object).constructor && dtype !== 'bool' ? (values as TypedArray).slice() : new dtypes[dtype].array(values.length);
  if (dtype === from && ArrayBuffer.isView(values) && copy.constructor === values.constructor) return copy;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!holds(dtype, value)) {
      throw new DataError(`[tensor] a value does not fit ${dtype}: got ${value} at element ${i}, expected ${rangeOf(dtype)}. Round it, or use float32.`, { op: 'tensor' });
    }
    copy[i] = dtype === 'bool' ? Number(value !== 0) : value;
  }
  return copy;
}

/** Throws where a number, as `dtype` has it, is not finite: 1e39 is infinite in float32. */
function checkFinite(values: ArrayLike<number>, dtype: DType): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(dtype === 'float32' ? Math.fround(value) : value)) continue;
    throw new DataError(`[tensor] a value is not finite: got ${value} at element ${i}, expected finite numbers. Clean the data.`, { op: 'tensor', code: 'ANNEAL_NON_FINITE' });
  }
}

export const fullOp: KernelRecord<{ readonly shape: Shape }> = {
  name: 'full',
  kind: 'kernel',
  infer: ([value], { shape }) => ({ shape, dtype: value!.dtype }),
  emit: (e) => e.instruction('fill', [e.output()], [e.input(0)]),
  gradient: ([dy]) => [sum(dy)],
  tolerance: EXACT,
  examples: () => ([[0], [1], [17], [], [3, 5]] as Shape[]).map((shape) => example([{ shape: [] }], { shape })),
};

export interface DTypeOption<D extends DType = DType> {
  /** Default 'float32'. */
  readonly dtype?: D | undefined;
}

/** A tensor with every element `value`. As torch.full, but float32 whatever the value. */
export function full<const S extends Shape, const D extends DType = 'float32'>(shape: S, value: number, options?: DTypeOption<D>): Tensor<Plain<S>, D> {
  return filled('full', shape, value, options);
}

/** A tensor of zeros. As torch.zeros. */
export function zeros<const S extends Shape, const D extends DType = 'float32'>(shape: S, options?: DTypeOption<D>): Tensor<Plain<S>, D> {
  return filled('zeros', shape, 0, options);
}

/** A tensor of ones. As torch.ones. */
export function ones<const S extends Shape, const D extends DType = 'float32'>(shape: S, options?: DTypeOption<D>): Tensor<Plain<S>, D> {
  return filled('ones', shape, 1, options);
}

function filled<T extends Tensor>(op: string, shape: Shape, value: number, options: DTypeOption | undefined): T {
  checkOptions(op, options, ['dtype']);
  checkShape(op, shape);
  const dtype = options?.dtype ?? 'float32';
  checkChoice(op, 'dtype', dtype, Object.keys(dtypes));
  if (typeof value !== 'number') throw new ArgumentError(`[${op}] the value: got ${describeValue(value)}, expected a number.`, { op });
  if (!holds(dtype, value)) {
    throw new ArgumentError(`[${op}] the value does not fit ${dtype}: got ${value}, expected ${rangeOf(dtype)}. Round it, or use float32.`, { op });
  }
  const number = dtype === 'float32' ? scalar(value, 'float32') : scalar(dtype === 'bool' ? Number(value !== 0) : value, 'int32');
  return cast(record(fullOp, [number], { shape }), dtype) as unknown as T;
}

/** start, start + step, ... up to, not including, `end`. int32 by default (torch chooses by the values). As torch.arange. */
export function arange<const D extends 'float32' | 'int32' = 'int32'>(start: number, end?: number, step = 1, options?: { readonly dtype?: D }): Tensor<[number], D> {
  checkOptions('arange', options, ['dtype']);
  const dtype = options?.dtype ?? 'int32';
  checkChoice('arange', 'dtype', dtype, ['float32', 'int32']);
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const bad = [from, to, step].some((one) => !Number.isFinite(one) || (dtype === 'int32' && !Number.isInteger(one)));
  if (bad || step === 0) {
    throw new ArgumentError(
      `[arange] the range is wrong: got ${describeValue(from)} to ${describeValue(to)} by ${describeValue(step)}, expected ${dtype === 'int32' ? 'whole' : 'finite'} numbers and a step other than 0. Use { dtype: 'float32' } for fractions.`,
      { op: 'arange' },
    );
  }
  const length = Math.max(Math.ceil((to - from) / step), 0);
  checkLimits('arange', [length]);
  const odd = length === 0 ? undefined : [from, from + (length - 1) * step].find((end) => !holds(dtype, end));
  if (odd !== undefined) throw new ArgumentError(`[arange] a number does not fit ${dtype}: got ${odd}, expected ${rangeOf(dtype)}. Use { dtype: 'float32' }.`, { op: 'arange' });
  const values = dtype === 'int32' ? new Int32Array(length) : new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = from + i * step;
  return fromArray(values, [length], dtype) as unknown as Tensor<[number], D>;
}

export const constructorOps = { full: fullOp };
