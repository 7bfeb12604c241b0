import type { CachedTokens, DecodingPass, KeysAndValues } from '../nn/decoding.js';
import { fromArray } from '../ops/leaf.js';
import type { Tensor } from '../tensor.js';

/** Two passes that are recorded one after the other and computed at once, so that both see the same weights: what attention keeps in the first, which begins at offset 0, is there in the second. */
export class TrialPasses implements DecodingPass {
  offsets: Int32Array;
  readonly memory: ReadonlySet<Tensor>;
  readonly #kept = new Map<object, KeysAndValues>();
  readonly #remembered = new Map<object, KeysAndValues>();
  #isSecond = false;

  constructor(batch: number, memory: ReadonlySet<Tensor>) {
    this.offsets = new Int32Array(batch);
    this.memory = memory;
  }

  /** Begins the second pass, of one token for each example. */
  goOnAt(offsets: Int32Array): this {
    this.offsets = offsets;
    this.#isSecond = true;
    return this;
  }

  earlier(layer: object, keys: Tensor, values: Tensor): CachedTokens | undefined {
    const kept = this.#isSecond ? this.#kept.get(layer) : undefined;
    if (kept !== undefined) return { ...kept, offsets: fromArray(this.offsets, [this.offsets.length], 'int32') as Tensor };
    this.#kept.set(layer, { keys, values });
    return undefined;
  }

  remembered(layer: object, keys: Tensor, values: Tensor): KeysAndValues {
    const kept = this.#isSecond ? this.#remembered.get(layer) : undefined;
    if (kept !== undefined) return kept;
    this.#remembered.set(layer, { keys, values });
    return { keys, values };
  }
}
