import { abandonAssignments, addAssignment } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import type { CachedTokens, DecodingPass, KeysAndValues } from '../nn/decoding.js';
import { zeros as zeroValues } from '../nn/initializers.js';
import { putPositions } from '../ops/cached-attention.js';
import { detach, gather } from '../ops/index.js';
import { fromArray } from '../ops/leaf.js';
import { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';

/** Keys and values of one layer, [B, H, context, D]. */
interface Kept {
  readonly keys: Parameter;
  readonly values: Parameter;
}

/**
 * Keys and values of the tokens that a model has seen, in buffers of the size of the context, so that each further token has the plan of the one before. A pass begins at offset 0 with the
 * tokens of the prompts, padded on the right; then follow passes of one token for each example. What stands behind an example's last token is never read.
 */
export class KeyValueCache implements DecodingPass {
  offsets: Int32Array;
  /** The row of the last pass that each example of this one goes on from; undefined: its own. */
  order: Int32Array | undefined;
  readonly memory: ReadonlySet<Tensor>;
  readonly #context: number;
  readonly #layers = new Map<object, Kept>();
  /** Of the memory: [B, H, S, D], whatever the order, as examples that take each other's place have the same. */
  readonly #remembered = new Map<object, Kept>();
  /** Values that the pass under way gives the buffers. */
  #changes: [buffer: Parameter, value: Tensor][] = [];
  /** Values that are copied into buffers along with the last logits. */
  #given: Tensor[] = [];

  constructor(batch: number, context: number, memory: readonly Tensor[] = []) {
    this.offsets = new Int32Array(batch);
    this.memory = new Set(memory);
    this.#context = context;
  }

  /** Returns whether any layer keeps something here. */
  get isUsed(): boolean {
    return this.#layers.size > 0;
  }

  earlier(layer: object, keys: Tensor, values: Tensor): CachedTokens | undefined {
    const [B, , T] = keys.shape as readonly [number, number, number, number];
    let kept = this.#layers.get(layer);
    if (kept === undefined) this.#layers.set(layer, (kept = { keys: bufferOf(keys, this.#context), values: bufferOf(values, this.#context) }));
    const offsets = T > 1 || this.#isFirst ? undefined : (fromArray(this.offsets, [B], 'int32') as Tensor);
    const before = { keys: this.#inOrder(kept.keys), values: this.#inOrder(kept.values) };
    this.#changes.push([kept.keys, putPositions(before.keys, keys, offsets)], [kept.values, putPositions(before.values, values, offsets)]);
    return offsets && { ...before, offsets };
  }

  remembered(layer: object, keys: Tensor, values: Tensor): KeysAndValues {
    let kept = this.#remembered.get(layer);
    if (kept !== undefined && !this.#isFirst) return kept;
    if (kept === undefined) this.#remembered.set(layer, (kept = { keys: bufferOf(keys, keys.shape[2]!), values: bufferOf(values, values.shape[2]!) }));
    this.#changes.push([kept.keys, keys], [kept.values, values]);
    return { keys, values };
  }

  /** Gives the buffers what the pass has made for them, when `logits`, its result, is computed. */
  commit(logits: Tensor): void {
    for (const [buffer, value] of this.#changes) {
      const isInPlace = value.inputs[0] === buffer;
      const given = isInPlace ? value : withoutTracking(() => detach(value));
      addAssignment(buffer, given, logits);
      if (!isInPlace) this.#given.push(given);
    }
    this.#changes = [];
  }

  /** Frees what the buffers were given, once they have it. */
  release(): void {
    for (const value of this.#given) value.dispose();
    this.#given = [];
  }

  get #isFirst(): boolean {
    return this.offsets.every((offset) => offset === 0);
  }

  #inOrder(buffer: Parameter): Tensor {
    return this.order === undefined ? (buffer as Tensor) : (gather(buffer as Tensor, fromArray(this.order, [this.order.length], 'int32') as Tensor, 0) as Tensor);
  }

  /** Frees the buffers. */
  dispose(): void {
    this.release();
    for (const buffer of [...this.#layers.values(), ...this.#remembered.values()].flatMap(({ keys, values }) => [keys, values])) {
      // A pass that failed has left some.
      abandonAssignments(buffer);
      buffer.dispose();
    }
    this.#layers.clear();
    this.#remembered.clear();
  }
}

function bufferOf({ shape }: Tensor, length: number): Parameter {
  return new Parameter([shape[0]!, shape[1]!, length, shape[3]!], zeroValues(), { requiresGrad: false });
}
