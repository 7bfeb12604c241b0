import { nn, type Tensor } from 'anneal';

export interface GptOptions {
  readonly vocabulary: number;
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly dropout?: number;
}

/** A GPT without biases, whose head is the embedding's table: logits [B, T, vocabulary] of what follows each token [B, T]. First values as in GPT-2. */
export class Gpt extends nn.Module {
  readonly tokens: nn.Embedding;
  readonly positions: nn.LearnedPositions;
  readonly dropout: nn.Dropout;
  readonly blocks: readonly nn.TransformerEncoderLayer[];
  readonly norm: nn.LayerNorm<number>;
  readonly head: nn.Linear;

  constructor({ vocabulary, context, layers, heads, width, dropout = 0 }: GptOptions) {
    super();
    this.tokens = nn.embedding(vocabulary, width);
    this.positions = nn.learnedPositions(context, width);
    this.dropout = nn.dropout(dropout);
    this.blocks = Array.from({ length: layers }, () =>
      nn.transformerEncoderLayer(width, heads, { dimFeedforward: 4 * width, activation: 'gelu', normFirst: true, isCausal: true, bias: false, dropout }),
    );
    this.norm = nn.layerNorm(width, { bias: false });
    this.head = nn.linear(width, vocabulary, { bias: false, weight: this.tokens.weight });
    for (const [name, parameter] of this.namedParameters()) {
      if (parameter.shape.length < 2) continue;
      // What adds to the residual is smaller, the more of it there is.
      const adds = /outProj\.weight$|linear2\.weight$/.test(name);
      parameter.initialize(nn.init.normal(0, adds ? 0.02 / Math.sqrt(2 * layers) : 0.02));
    }
  }

  override forward(tokens: Tensor): Tensor {
    const embedded = this.dropout.forward(this.positions.forward(this.tokens.forward(tokens)));
    const encoded = this.blocks.reduce<Tensor>((x, block) => block.forward(x), embedded);
    return this.head.forward(this.norm.forward(encoded));
  }
}
