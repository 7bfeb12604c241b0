import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkCount } from '../ops/check.js';
import { checkFlags, checkOptions } from '../options.js';
import { isRecord } from '../records.js';
import { Module, type AnyModule } from './module.js';
import { TransformerDecoder, TransformerDecoderLayer } from './transformer-decoder.js';
import { TransformerEncoder, TransformerEncoderLayer } from './transformer-encoder.js';
import type { TransformerStackOptions } from './transformer-options.js';

/** Layers like one, each with first values of its own. Throws ArgumentError for what is no such layer. */
function alike<L extends TransformerEncoderLayer | TransformerDecoderLayer>(op: string, kind: abstract new (...args: never[]) => L, layer: L, numLayers: number): L[] {
  checkCount(op, 'numLayers', numLayers);
  const fits = layer instanceof kind && layer.plain$;
  if (!fits) throw new ArgumentError(`[${op}] layer: got ${describeValue(layer)}, expected one of nn.${op}Layer(dModel, nhead), of which others alike are made. Put layers of your own into a module of your own.`, { op });
  return Array.from({ length: numLayers }, () => layer.alike$() as L);
}

/** The norm and the options of a stack, of which either may be left out. */
function partsOf(op: string, norm: unknown, options: TransformerStackOptions | undefined): { readonly norm: Module | undefined; readonly recompute: boolean } {
  const isLeftOut = options === undefined && isRecord(norm);
  const given = (isLeftOut ? norm : options) ?? {};
  checkOptions(op, given, ['recompute']);
  checkFlags(op, given, ['recompute']);
  if (!isLeftOut && norm !== undefined && !(norm instanceof Module)) throw new ArgumentError(`[${op}] norm: got ${describeValue(norm)}, expected a layer, as in nn.layerNorm(dModel).`, { op });
  return { norm: isLeftOut ? undefined : (norm as Module | undefined), recompute: (given as TransformerStackOptions).recompute ?? false };
}

/**
 * Encoder layers one after the other, made like `layer`, and a norm behind the last. src [B, T, dModel] float32 gives its shape. As torch.nn.TransformerEncoder, whose state dicts it loads, but each layer
 * has first values of its own; torch copies those of one. Throws ArgumentError for what is no such layer.
 *
 *     const encoder = nn.transformerEncoder(nn.transformerEncoderLayer(32, 4), 2, nn.layerNorm(32));
 */
export function transformerEncoder(layer: TransformerEncoderLayer, numLayers: number, norm?: AnyModule, options?: TransformerStackOptions): TransformerEncoder;
export function transformerEncoder(layer: TransformerEncoderLayer, numLayers: number, options: TransformerStackOptions): TransformerEncoder;
export function transformerEncoder(layer: TransformerEncoderLayer, numLayers: number, normOrOptions?: AnyModule | TransformerStackOptions, given?: TransformerStackOptions): TransformerEncoder {
  const { norm, recompute } = partsOf('transformerEncoder', normOrOptions, given);
  return new TransformerEncoder(alike<TransformerEncoderLayer>('transformerEncoder', TransformerEncoderLayer, layer, numLayers), norm, recompute);
}

/**
 * Decoder layers one after the other, made like `layer`, and a norm behind the last. target [B, T, dModel] and memory [B, S, dModel] float32 give [B, T, dModel]. As torch.nn.TransformerDecoder, but
 * see transformerEncoder(). Throws ArgumentError for what is no such layer.
 *
 *     const decoder = nn.transformerDecoder(nn.transformerDecoderLayer(32, 4), 2);
 */
export function transformerDecoder(layer: TransformerDecoderLayer, numLayers: number, norm?: AnyModule, options?: TransformerStackOptions): TransformerDecoder;
export function transformerDecoder(layer: TransformerDecoderLayer, numLayers: number, options: TransformerStackOptions): TransformerDecoder;
export function transformerDecoder(layer: TransformerDecoderLayer, numLayers: number, normOrOptions?: AnyModule | TransformerStackOptions, given?: TransformerStackOptions): TransformerDecoder {
  const { norm, recompute } = partsOf('transformerDecoder', normOrOptions, given);
  return new TransformerDecoder(alike<TransformerDecoderLayer>('transformerDecoder', TransformerDecoderLayer, layer, numLayers), norm, recompute);
}
