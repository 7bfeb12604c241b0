import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkCount } from '../ops/check.js';
import { checkOptions } from '../options.js';
import { Module } from './module.js';
import { TransformerDecoder, TransformerDecoderLayer } from './transformer-decoder.js';
import { TransformerEncoder, TransformerEncoderLayer } from './transformer-encoder.js';

export interface TransformerStackOptions {
  /** Norm behind the last layer. Default: none. */
  readonly norm?: Module | undefined;
}

/** Layers that `make` makes. Throws ArgumentError for what makes none, and where two of them are one. */
function made<L extends Module>(op: string, kind: new (...args: never[]) => L, make: () => L, numLayers: number, options: TransformerStackOptions): L[] {
  checkCount(op, 'numLayers', numLayers);
  checkOptions(op, options, ['norm']);
  if (options.norm !== undefined && !(options.norm instanceof Module)) throw new ArgumentError(`[${op}] norm: got ${describeValue(options.norm)}, expected a layer, as in nn.layerNorm(dModel).`, { op });
  if (typeof make !== 'function') throw new ArgumentError(`[${op}] makeLayer: got ${describeValue(make)}, expected a function that makes a layer, as in () => nn.${op}Layer(dModel, nhead).`, { op });
  const layers = Array.from({ length: numLayers }, () => make());
  const odd = layers.find((layer) => !(layer instanceof kind));
  if (odd !== undefined) throw new ArgumentError(`[${op}] makeLayer: got a function that gives ${describeValue(odd)}, expected one that makes a layer, as in () => nn.${op}Layer(dModel, nhead).`, { op });
  if (new Set(layers).size === layers.length) return layers;
  throw new ArgumentError(`[${op}] makeLayer: got a function that gives the same layer every time, expected a new one each. Make it inside: () => nn.${op}Layer(dModel, nhead).`, { op });
}

/**
 * Encoder layers one after the other. src [B, T, dModel] float32 gives its shape. As torch.nn.TransformerEncoder, whose state dicts it loads, but layers are made by a function, each with
 * first values of its own; torch copies one. Throws ArgumentError for what makes no layers.
 *
 *     const encoder = nn.transformerEncoder(() => nn.transformerEncoderLayer(32, 4), 2, { norm: nn.layerNorm(32) });
 */
export function transformerEncoder(makeLayer: () => TransformerEncoderLayer, numLayers: number, options: TransformerStackOptions = {}): TransformerEncoder {
  return new TransformerEncoder(made('transformerEncoder', TransformerEncoderLayer, makeLayer, numLayers, options), options.norm);
}

/**
 * Decoder layers one after the other. target [B, T, dModel] and memory [B, S, dModel] float32 give [B, T, dModel]. As torch.nn.TransformerDecoder, but see transformerEncoder().
 * Throws ArgumentError for what makes no layers.
 *
 *     const decoder = nn.transformerDecoder(() => nn.transformerDecoderLayer(32, 4), 2);
 */
export function transformerDecoder(makeLayer: () => TransformerDecoderLayer, numLayers: number, options: TransformerStackOptions = {}): TransformerDecoder {
  return new TransformerDecoder(made('transformerDecoder', TransformerDecoderLayer, makeLayer, numLayers, options), options.norm);
}
