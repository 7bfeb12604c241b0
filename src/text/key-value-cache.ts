import { addAssignment } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import type { AttendedTokens, DecodingPass } from '../nn/decoding.js';
import { zeros as zeroValues } from '../nn/initializers.js';
import { arange, detach, equal, pad, reshape, where } from '../ops/index.js';
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
  readonly #context: number;
  readonly #layers = new Map<object, Kept>();
  /** Values that the pass under way gives the buffers. */
  #changes: [buffer: Parameter, value: Tensor][] = [];
  /** Values that were assigned along with the last logits. */
  #given: Tensor[] = [];

  constructor(batch: number, context: number) {
    this.offsets = new Int32Array(batch);
    this.#context = context;
  }

  /** Returns whether any layer keeps something here. */
  get isUsed(): boolean {
    return this.#layers.size > 0;
  }

  attended(layer: object, keys: Tensor, values: Tensor): AttendedTokens {
    const [B, , T] = keys.shape as readonly [number, number, number, number];
    let kept = this.#layers.get(layer);
    if (kept === undefined) this.#layers.set(layer, (kept = { keys: this.#buffer(keys), values: this.#buffer(values) }));
    if (T > 1 || this.offsets.every((offset) => offset === 0)) {
      this.#changes.push([kept.keys, this.#whole(keys)], [kept.values, this.#whole(values)]);
      return { keys, values, lengths: undefined };
    }
    const here = equal(reshape(arange(this.#context) as Tensor, [1, 1, this.#context, 1]), reshape(fromArray(this.offsets, [B], 'int32') as Tensor, [B, 1, 1, 1])) as Tensor;
    const all = { keys: where(here, keys, kept.keys) as Tensor, values: where(here, values, kept.values) as Tensor };
    this.#changes.push([kept.keys, all.keys], [kept.values, all.values]);
    return { ...all, lengths: fromArray(this.offsets.map((offset) => offset + 1), [B], 'int32') as Tensor };
  }

  /** Gives the buffers what the pass has made for them, when `logits`, its result, is computed. */
  commit(logits: Tensor): void {
    for (const [buffer, value] of this.#changes) {
      const given = withoutTracking(() => detach(value));
      addAssignment(buffer, given, logits);
      this.#given.push(given);
    }
    this.#changes = [];
  }

  /** Frees what the buffers were given, once they have it. */
  release(): void {
    for (const value of this.#given) value.dispose();
    this.#given = [];
  }

  #buffer({ shape }: Tensor): Parameter {
    return new Parameter([shape[0]!, shape[1]!, this.#context, shape[3]!], zeroValues(), { requiresGrad: false });
  }

  /** Zeros behind the tokens, up to the context. */
  #whole(x: Tensor): Tensor {
    return pad(x, [0, 0, 0, this.#context - x.shape[2]!]) as Tensor;
  }

  /** Frees the buffers. */
  dispose(): void {
    this.release();
    for (const { keys, values } of this.#layers.values()) {
      keys.dispose();
      values.dispose();
    }
    this.#layers.clear();
  }
}
