import type { DType } from '../dtype.js';
import { AnnealError, ArgumentError, ShapeError } from '../errors.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import { describeValue, describeList } from '../describe-value.js';
import type { Plain } from '../shape-types.js';
import { Tensor } from '../tensor.js';
import { chainShape, expectExactly, type InferredShape } from './shape-inference.js';
import { isDecoding } from './decoding.js';
import { Layer, type LayerCall } from './layer.js';
import { Module } from './module.js';
import { register } from './registry.js';
import type { Batched, Chain, Fitting, ShapeFunction, TakesBatch } from './shape-mismatch.js';

/** See sequential(). */
export class Sequential<I extends Shape = Shape, O extends Shape = Shape> extends Layer<I, O, ShapeFunction, Tensor, Tensor> {
  /** The shape of one example, without the batch. */
  readonly input: I;
  readonly layers: readonly Module[];
  /** The shape of what comes out for one example; undefined where that shows at the call only. */
  readonly output: Shape | undefined;

  constructor(input: I, layers: readonly Module[]) {
    super();
    checkInput(input);
    layers.forEach(checkLayer);
    this.input = input;
    this.layers = [...layers];
    this.output = chainShape(input, layers);
    register(this);
  }

  // By the type of `this`, so that a plain Sequential takes every concrete one.
  override forward<A extends Shape, B extends Shape, S extends Shape, D extends DType>(this: Sequential<A, B>, x: Tensor<S, D> & TakesBatch<A, S>): Tensor<Batched<S, B>, D> {
    let result: Tensor = x as Tensor;
    if (!(x instanceof Tensor)) throw new ArgumentError(`[sequential] the input: got ${describeValue(x)}, expected a tensor with the batch in front. Make one: tensor([[1, 2], [3, 4]]).`, { op: 'sequential' });
    this.#checkBatch(result.shape);
    for (const [i, layer] of this.layers.entries()) {
      try {
        result = layer.forward(result);
      } catch (error) {
        throw inLayer(error, layer, this.path$ === '' ? `${i}` : `${this.path$}.${i}`);
      }
    }
    return result as unknown as Tensor<Batched<S, B>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    return sameShape(shape, this.input) ? this.output : expectExactly(this.input, shape);
  }

  override get builtin(): boolean {
    return this.plain$ && this.layers.every((layer) => layer.builtin);
  }

  /** Layers are named by their position, as in `0.weight`. */
  override fields$(): Iterable<[string, unknown]> {
    return this.layers.map((layer, i) => [`${i}`, layer]);
  }

  override get call$(): LayerCall {
    return { name: 'sequential', args: [this.input, ...this.layers] };
  }

  #checkBatch(shape: Shape): void {
    if (shape.length === this.input.length + 1 && sameShape(shape.slice(1), this.input)) return;
    // Texts that are being written are shorter: the first dimension of an example is its positions.
    if (isDecoding() && shape.length === this.input.length + 1 && shape[1]! <= this.input[0]! && sameShape(shape.slice(2), this.input.slice(1))) return;
    const expected = `[batch${this.input.map((dim) => `,${dim}`).join('')}]`;
    const advice = sameShape(shape, this.input) ? 'Put the batch in front: x.unsqueeze(0).' : 'Reshape the input, or name its shape in sequential(shape, ...layers).';
    const where = this.path$ === '' ? '' : `${this.path$}: `;
    throw new ShapeError(`[sequential] ${where}the input does not fit the model: got ${showShape(shape)}, expected ${expected}. ${advice}`, {
      op: 'sequential',
      shapes: [shape, this.input],
    });
  }
}

const placed = new WeakSet<Error>();

/** The same error, whose message says in which layer it happened. The innermost layer is the one that is named. */
function inLayer(error: unknown, layer: Module, path: string): unknown {
  if (!(error instanceof AnnealError) || placed.has(error)) return error;
  placed.add(error);
  const layerText = layer instanceof Sequential ? 'sequential' : String(layer);
  error.message += ` (In layer ${path} of the model, ${layerText}.)`;
  return error;
}

function checkInput(input: unknown): void {
  if (Array.isArray(input) && input.every((dim) => Number.isInteger(dim) && dim >= 0)) return;
  const got = input instanceof Module ? `the layer ${String(input)}` : describeList(input);
  throw new ArgumentError(`[sequential] the first argument is no shape: got ${got}, expected the shape of one example without the batch, as in sequential([784], ...layers).`, {
    op: 'sequential',
  });
}

function checkLayer(layer: unknown, i: number): void {
  if (layer instanceof Module) return;
  const got = describeValue(layer);
  throw new ArgumentError(`[sequential] layer ${i} is no module: got ${got}, expected a Module. Call the function that makes it, as in nn.relu().`, { op: 'sequential' });
}

/**
 * Layers one after the other. `input` is the shape of one example, without the batch. A layer that does not fit the one before
 * it is a compile error on that layer where sizes are literal; otherwise a ShapeError that names the layer, thrown here as far as
 * built-in layers follow each other, else at the call.
 *
 *     const model = nn.sequential([784], nn.linear(784, 128), nn.relu(), nn.linear(128, 10));   // 0.weight, 0.bias, 2.weight, ...
 *     const logits = model.forward(x);                                                          // x [32, 784]: [32, 10]
 *
 * Unlike torch.nn.Sequential it is told the shape of its input, which the compiler checks.
 * Throws ShapeError for layers that do not fit, ArgumentError for what is no module or no shape.
 */
export function sequential<const I extends Shape, Ls extends readonly (Module | readonly Module[])[]>(
  input: I,
  ...layers: Ls extends Fitting<I, Ls> ? Ls : Fitting<I, Ls>
): Sequential<Plain<I>, Chain<I, Ls>>;
export function sequential(input: Shape, ...layers: readonly unknown[]): Sequential {
  const all = layers.length === 1 && Array.isArray(layers[0]) ? (layers[0] as unknown[]) : layers;
  return new Sequential(input, all as readonly Module[]);
}
