import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkCount } from '../ops/check.js';
import { Module, type AnyModule } from './module.js';
import { TransformerDecoder, TransformerDecoderLayer } from './transformer-decoder.js';
import { TransformerEncoder, TransformerEncoderLayer } from './transformer-encoder.js';

/** Layers like one, each with first values of its own. Throws ArgumentError for what is no such layer. */
function alike<L extends TransformerEncoderLayer | TransformerDecoderLayer>(op: string, kind: abstract new (...args: never[]) => L, layer: L, numLayers: number, norm: unknown): L[] {
  checkCount(op, 'numLayers', numLayers);
  const fits = layer instanceof kind && layer.plain$;
  if (!fits) throw new ArgumentError(`[${op}] layer: got ${describeValue(layer)}, expected one of nn.${op}Layer(dModel, nhead), of which others alike are made. Put layers of your own into a module of your own.`, { op });
  if (norm !== undefined && !(norm instanceof Module)) throw new ArgumentError(`[${op}] norm: got ${describeValue(norm)}, expected a layer, as in nn.layerNorm(dModel).`, { op });
  return Array.from({ length: numLayers }, () => layer.alike$() as L);
}

/**
 * Encoder layers one after the other, made like `layer`, and a norm behind the last. src [B, T, dModel] float32 gives its shape. As torch.nn.TransformerEncoder, whose state dicts it loads, but each layer
 * has first values of its own; torch copies those of one. Throws ArgumentError for what is no such layer.
 *
 *     const encoder = nn.transformerEncoder(nn.transformerEncoderLayer(32, 4), 2, nn.layerNorm(32));
 */
export function transformerEncoder(layer: TransformerEncoderLayer, numLayers: number, norm?: AnyModule): TransformerEncoder {
  return new TransformerEncoder(alike<TransformerEncoderLayer>('transformerEncoder', TransformerEncoderLayer, layer, numLayers, norm), norm as Module | undefined);
}

/**
 * Decoder layers one after the other, made like `layer`, and a norm behind the last. target [B, T, dModel] and memory [B, S, dModel] float32 give [B, T, dModel]. As torch.nn.TransformerDecoder, but
 * see transformerEncoder(). Throws ArgumentError for what is no such layer.
 *
 *     const decoder = nn.transformerDecoder(nn.transformerDecoderLayer(32, 4), 2);
 */
export function transformerDecoder(layer: TransformerDecoderLayer, numLayers: number, norm?: AnyModule): TransformerDecoder {
  return new TransformerDecoder(alike<TransformerDecoderLayer>('transformerDecoder', TransformerDecoderLayer, layer, numLayers, norm), norm as Module | undefined);
}
