import { nn, type Tensor } from 'anneal';

export interface EncoderDecoderOptions {
  /** Tokens of the encoder and of the decoder. */
  readonly source: number;
  readonly target: number;
  /** The most tokens of either side. */
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly dropout: number;
}

/** A batch of sequences behind whose ends is padding: tokens [B, S] and the length of each. */
export type Source = {
  readonly values: Tensor<[number, number], 'int32'>;
  readonly lengths: Tensor<[number], 'int32'>;
};

/** Result of the encoder for a batch of sources: a vector for each token, and the lengths. */
export type Memory = {
  readonly states: Tensor;
  readonly lengths: Tensor;
};

/** A transformer with an encoder and a decoder, norms in front: logits [B, T, target] of what follows each token, given the source. */
export class EncoderDecoder extends nn.Module<{ source: [number]; sourceLengths: []; target: [number]; targetLengths: [] }, [number, number]> {
  readonly sourceTokens: nn.Embedding;
  readonly sourcePositions: nn.LearnedPositions;
  readonly targetTokens: nn.Embedding;
  readonly targetPositions: nn.LearnedPositions;
  readonly dropout: nn.Dropout;
  readonly encoder: nn.TransformerEncoder;
  readonly decoder: nn.TransformerDecoder;
  readonly head: nn.Linear;

  constructor({ source, target, context, layers, heads, width, dropout }: EncoderDecoderOptions) {
    super();
    const options = { dimFeedforward: 4 * width, activation: 'gelu', normFirst: true, dropout } as const;
    this.sourceTokens = nn.embedding(source, width);
    this.sourcePositions = nn.learnedPositions(context, width);
    this.targetTokens = nn.embedding(target, width);
    this.targetPositions = nn.learnedPositions(context, width);
    this.dropout = nn.dropout(dropout);
    this.encoder = nn.transformerEncoder(nn.transformerEncoderLayer(width, heads, options), layers, nn.layerNorm(width));
    this.decoder = nn.transformerDecoder(nn.transformerDecoderLayer(width, heads, options), layers, nn.layerNorm(width));
    this.head = nn.linear(width, target);
    for (const { weight } of [this.sourceTokens, this.sourcePositions, this.targetTokens, this.targetPositions]) weight.initialize(nn.init.normal(0, 0.1));
  }

  encode({ values, lengths }: Source): Memory {
    const embedded = this.dropout.forward(this.sourcePositions.forward(this.sourceTokens.forward(values)));
    return { states: this.encoder.forward(embedded, { keyLengths: lengths }), lengths };
  }

  /** Logits behind each of the tokens [B, T]. */
  decode(tokens: Tensor, { states, lengths }: Memory): Tensor {
    const embedded = this.dropout.forward(this.targetPositions.forward(this.targetTokens.forward(tokens)));
    return this.head.forward(this.decoder.forward(embedded, states, { memoryKeyLengths: lengths }));
  }

  /** As in training, where all tokens are known: each is predicted from those in front of it. */
  override forward({ source, sourceLengths, target }: { readonly source: Source['values']; readonly sourceLengths: Source['lengths']; readonly target: Source['values']; readonly targetLengths: Source['lengths'] }): Tensor<[number, number, number]> {
    return this.decode(target, this.encode({ values: source, lengths: sourceLengths })) as Tensor<[number, number, number]>;
  }
}
