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
let decoding = false;

/** The pass that is being recorded. */
export function decodingPass(): DecodingPass | undefined {
  return pass;
}

/** Returns whether tokens are decoded, within a pass or without one: texts are then of any length up to the context. */
export function isDecoding(): boolean {
  return decoding;
}

/** Runs `fn`, which records a forward pass of tokens that are decoded; `within` undefined: of all of them, so that nothing is kept. */
export function decodeWithin<R>(within: DecodingPass | undefined, fn: () => R): R {
  const before = { pass, decoding };
  pass = within;
  decoding = true;
  try {
    return fn();
  } finally {
    ({ pass, decoding } = before);
  }
}
