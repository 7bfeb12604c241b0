// Three ways to tell spam: each with what it is given of a text, and how it is trained.
import { arange, cast, data, less, nn, Parameter, type Tensor } from 'anneal';

/** Any of the three: what they take has names, and what they give are the logits of ham and spam. */
export type Model = nn.Module<data.ShapeRecord, [2]>;

type Ints<S extends readonly number[]> = Tensor<S, 'int32'>;
type Tokens = { readonly text: Ints<[number, number]>; readonly textLengths: Ints<[number]> };

/** A weight for each word and each pair of words: logistic regression, of which the table of an embedding has the weights. */
class LogisticRegression extends nn.Module<{ text: [number]; textWeights: [number] }, [2]> {
  readonly weights: nn.EmbeddingBag;
  readonly bias = new Parameter([2], nn.init.zeros());

  constructor(buckets: number) {
    super();
    this.weights = nn.embeddingBag(buckets, 2, { mode: 'sum' });
    this.weights.weight.initialize(nn.init.zeros());
  }

  override forward({ text, textWeights }: { readonly text: Ints<[number, number]>; readonly textWeights: Tensor<[number, number], 'float32'> }): Tensor {
    return this.weights.forward(text, { perSampleWeights: textWeights }).add(this.bias);
  }
}

/** The mean of the words' vectors, whatever their order. */
class Bag extends nn.Module<{ text: [number]; textLengths: [] }, [2]> {
  readonly words: nn.EmbeddingBag;
  readonly head = nn.linear(64, 2);

  constructor(words: number) {
    super();
    this.words = nn.embeddingBag(words, 64);
    this.words.weight.initialize(nn.init.normal(0, 0.1));
  }

  override forward({ text, textLengths }: Tokens): Tensor {
    return this.head.forward(this.words.forward(text, { lengths: textLengths }));
  }
}

/** Words that look at each other, twice, and the mean of what they make of it. */
class Transformer extends nn.Module<{ text: [number]; textLengths: [] }, [2]> {
  readonly words: nn.Embedding;
  readonly encoder = nn.transformerEncoder(nn.transformerEncoderLayer(64, 4, { dimFeedforward: 128, normFirst: true, rotary: true, dropout: 0.2 }), 2, nn.layerNorm(64));
  readonly head = nn.linear(64, 2);

  constructor(words: number) {
    super();
    this.words = nn.embedding(words, 64);
    this.words.weight.initialize(nn.init.normal(0, 0.1));
  }

  override forward({ text, textLengths }: Tokens): Tensor {
    const encoded: Tensor = this.encoder.forward(this.words.forward(text), { keyLengths: textLengths });
    const lengths = cast(textLengths.reshape([-1, 1]), 'float32');
    const isWord = cast(less(arange(text.shape[1]), textLengths.reshape([-1, 1])), 'float32');
    return this.head.forward(encoded.mul(isWord.unsqueeze(2)).sum({ axis: 1 }).div(lengths as Tensor));
  }
}

/** By name: the column of texts, the model over an embedding of so many rows, and the rate and the epochs that it is trained with. */
export const contenders = {
  'logistic regression': { column: data.columns.bagOfWords({ sparse: true, ngrams: [1, 2], maxTerms: 1024 }), model: (buckets: number): Model => new LogisticRegression(buckets), lr: 0.02, epochs: 20 },
  'bag of embeddings': { column: data.columns.tokens({ minCount: 3, maxTokens: 1024 }), model: (words: number): Model => new Bag(words), lr: 3e-3, epochs: 20 },
  'transformer': { column: data.columns.tokens({ minCount: 3, maxTokens: 256 }), model: (words: number): Model => new Transformer(words), lr: 1e-3, epochs: 8 },
} as const;
export type Contender = keyof typeof contenders;
