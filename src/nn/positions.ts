import type { Exceeds } from '../compare-types.js';
import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { checkCount } from '../ops/check.js';
import { add, slice } from '../ops/index.js';
import { embedding } from '../ops/embedding.js';
import { fromArray } from '../ops/leaf.js';
import { keptTable, positionsFrom } from '../ops/positions.js';
import { checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import type { Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { decodingPass } from './decoding.js';
import { normal } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { sameSequence, sizesOf, type SameSequence } from './sequences.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** learnedPositions(C, D): examples [T, D] with T <= C come out as they are. */
export interface WithinContext<C extends number, D extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [infer T extends number, infer W extends number]
        ? Differ<W, D> extends true
          ? Mismatch<`learnedPositions(${C}, ${D}) expects ${D} features`, W>
          : Exceeds<T, C> extends true
            ? Mismatch<`learnedPositions(${C}, ${D}) has ${C} positions`, T>
            : this['in']
        : Mismatch<`learnedPositions(${C}, ${D}) expects examples [T,${D}]`, Show<this['in']>>
    : Shape;
}

/** See learnedPositions(). */
export class LearnedPositions<C extends number = number, D extends number = number> extends Layer<Shape, Shape, WithinContext<C, D>> {
  /** [context, width]. */
  readonly weight: Parameter<[C, D]>;

  constructor(context: C, width: D) {
    super();
    checkCount('learnedPositions', 'context', context);
    checkCount('learnedPositions', 'width', width);
    this.weight = new Parameter([context, width], normal());
  }

  /** The number of positions that there are. */
  get context(): C {
    return this.weight.shape[0];
  }

  override forward<S extends Shape, E extends DType>(x: Tensor<S, E>): Tensor<S, E> {
    const [context, width] = this.weight.shape;
    const [B, T] = sizesOf('learnedPositions', x as Tensor, width);
    const offsets = decodingPass()?.offsets;
    const end = T + (offsets === undefined ? 0 : offsets.reduce((most, offset) => Math.max(most, offset), 0));
    if (end > context) {
      throw new ShapeError(`[learnedPositions] the sequence is longer than the context: got ${end} positions, expected at most ${context}. Cut it, or make the context longer: learnedPositions(${end}, ${width}).`, { op: 'learnedPositions', shapes: [x.shape] });
    }
    const weight = this.weight as Tensor;
    const rows = offsets === undefined ? slice(weight, 0, T) : embedding(fromArray(positionsFrom('learnedPositions', offsets, T, B), [B, T], 'int32'), weight);
    return add(x as Tensor, rows as never) as unknown as Tensor<S, E>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const [context, width] = this.weight.shape;
    const same = sameSequence(this.toString(), width, shape);
    return same === shape && shape[0]! > context ? new ShapeMismatch(`${this.toString()} has ${context} positions`, shape[0]!, 'Cut the sequences, or make the context longer.') : same;
  }

  override get call$(): LayerCall {
    return { name: 'learnedPositions', args: [...this.weight.shape] };
  }
}

/**
 * Adds a trained vector to each position: y[b, t, :] = x[b, t, :] + weight[t, :]. x [B, T, width] float32 with T <= context gives its shape; the weight [context, width] starts from a
 * normal distribution. As torch.nn.Embedding(context, width) of the positions, added. Throws ArgumentError for sizes that are wrong, ShapeError for a sequence that is longer.
 *
 *     const model = nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(64, 32), nn.linear(32, 65));
 */
export function learnedPositions<const C extends number, const D extends number>(context: C, width: D): LearnedPositions<C, D> {
  return new LearnedPositions(context, width);
}

export interface SinusoidalOptions {
  /** Base of the wavelengths. Default 10000. */
  readonly base?: number | undefined;
}

/** See sinusoidalPositions(). */
export class SinusoidalPositions<D extends number = number> extends Layer<Shape, Shape, SameSequence<`sinusoidalPositions(${D})`, D>> {
  readonly width: D;
  readonly base: number;

  constructor(width: D, options: SinusoidalOptions = {}) {
    super();
    checkOptions('sinusoidalPositions', options, ['base']);
    this.width = checkCount('sinusoidalPositions', 'width', width) as D;
    this.base = checkCount('sinusoidalPositions', 'base', options.base ?? 10000);
  }

  override forward<S extends Shape, E extends DType>(x: Tensor<S, E>): Tensor<S, E> {
    const { width, base } = this;
    const [B, T] = sizesOf('sinusoidalPositions', x as Tensor, width);
    const offsets = decodingPass()?.offsets;
    const table = offsets === undefined ? keptTable(`sinusoidal ${T} ${width} ${base}`, () => [waves(positionsFrom('', 0, T, 1), width, base)])[0]! : waves(positionsFrom('sinusoidalPositions', offsets, T, B), width, base);
    return add(x as Tensor, fromArray(table, offsets === undefined ? [T, width] : [B, T, width], 'float32') as never) as unknown as Tensor<S, E>;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? sameSequence(this.toString(), this.width, shape) : undefined;
  }

  override get call$(): LayerCall {
    return { name: 'sinusoidalPositions', args: [this.width], options: { base: this.base } };
  }
}

/** Sines and cosines of position / base^(2i / width) in turn, in double precision, then rounded. */
function waves(positions: Int32Array, width: number, base: number): Float32Array {
  const table = new Float32Array(positions.length * width);
  for (let k = 0; k < width; k++) {
    const frequency = base ** (-(k - (k % 2)) / width);
    positions.forEach((position, at) => (table[at * width + k] = k % 2 === 0 ? Math.sin(position * frequency) : Math.cos(position * frequency)));
  }
  return table;
}

/**
 * Adds waves to each position: y[b, t, 2i] = x[b, t, 2i] + sin(t w), y[b, t, 2i + 1] = x[b, t, 2i + 1] + cos(t w), w = base^(-2i / width). x [B, T, width] float32 of any length gives its
 * shape; nothing is trained. Source: Vaswani et al., arXiv:1706.03762. Throws ArgumentError for sizes that are wrong, ShapeError for other features.
 *
 *     const model = nn.sequential([64], nn.embedding(65, 32), nn.sinusoidalPositions(32), nn.linear(32, 65));
 */
export function sinusoidalPositions<const D extends number>(width: D, options?: SinusoidalOptions): SinusoidalPositions<D> {
  return new SinusoidalPositions(width, options);
}
