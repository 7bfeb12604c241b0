import type { Tensor } from '../tensor.js';

/**
 * A pass over tokens of which the earlier ones were seen before: layers whose result depends on positions ask for it. There is one while a model records its forward pass within
 * decodeWithin(), whatever the model is made of, so that no layer in between has to hand it on.
 */
export interface DecodingPass {
  /** Position of the first token of each example of the batch. */
  readonly offsets: Int32Array;
  /** Takes in the keys and values [B, H, T, D] of the layer's tokens, and gives those of the tokens before; undefined where there are none. */
  earlier(layer: object, keys: Tensor, values: Tensor): CachedTokens | undefined;
  /** Tensors that the tokens are decoded with, such as an encoder's, which are the same in every pass. */
  readonly memory: ReadonlySet<Tensor>;
  /** Takes the keys and values that the layer records of the memory, and gives those of the first pass, where they were computed before. */
  remembered(layer: object, keys: Tensor, values: Tensor): KeysAndValues;
}

/** Of some heads: [B, H, T, D] each. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Keys and values [B, H, context, D] of earlier tokens, and how many there are of each example: int32 [B]. */
export interface CachedTokens extends KeysAndValues {
  readonly offsets: Tensor;
}

let pass: DecodingPass | undefined;

/** The pass that is being recorded. */
export function decodingPass(): DecodingPass | undefined {
  return pass;
}

/** Runs `fn`, which records a forward pass. */
export function decodeWithin<R>(decoding: DecodingPass | undefined, fn: () => R): R {
  const before = pass;
  pass = decoding;
  try {
    return fn();
  } finally {
    pass = before;
  }
}
