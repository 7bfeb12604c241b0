import { add, ArgumentError, gelu, nn, relu, silu, tensor, type ShapedValues, type Tensor } from 'anneal';

/** config.json of a GPT-2, as far as it is used here; the defaults are those of Hugging Face's transformers. */
export interface Gpt2Config {
  readonly vocab_size?: number;
  readonly n_positions?: number;
  readonly n_embd?: number;
  readonly n_layer?: number;
  readonly n_head?: number;
  readonly n_inner?: number | null;
  readonly activation_function?: string;
  readonly layer_norm_epsilon?: number;
  readonly embd_pdrop?: number;
  readonly attn_pdrop?: number;
  readonly resid_pdrop?: number;
  readonly tie_word_embeddings?: boolean;
  /** Token that ends a text. */
  readonly eos_token_id?: number;
  readonly scale_attn_weights?: boolean;
  readonly scale_attn_by_inverse_layer_idx?: boolean;
}

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu_new: (x) => gelu(x, { approximate: 'tanh' }),
  gelu_pytorch_tanh: (x) => gelu(x, { approximate: 'tanh' }),
  gelu: (x) => gelu(x),
  relu: (x) => relu(x),
  silu: (x) => silu(x),
};

class Attention extends nn.Module {
  readonly cAttn: nn.Linear;
  readonly cProj: nn.Linear;
  readonly heads: nn.DotProductAttention;
  readonly residDropout: nn.Dropout;

  constructor(width: number, heads: number, attentionDropout: number, dropout: number) {
    super();
    this.cAttn = nn.linear(width, 3 * width);
    this.cProj = nn.linear(width, width);
    this.heads = nn.dotProductAttention(heads, { isCausal: true, dropout: attentionDropout });
    this.residDropout = nn.dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const [query, key, value] = (this.cAttn.forward(x) as Tensor).chunk(3, -1);
    return this.residDropout.forward(this.cProj.forward(this.heads.forward(query!, key!, value!)) as Tensor);
  }
}

class Mlp extends nn.Module {
  readonly cFc: nn.Linear;
  readonly cProj: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly #activate: (x: Tensor) => Tensor;

  constructor(width: number, inner: number, activate: (x: Tensor) => Tensor, dropout: number) {
    super();
    this.cFc = nn.linear(width, inner);
    this.cProj = nn.linear(inner, width);
    this.dropout = nn.dropout(dropout);
    this.#activate = activate;
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.cProj.forward(this.#activate(this.cFc.forward(x) as Tensor)) as Tensor);
  }
}

class Block extends nn.Module {
  readonly ln1: nn.LayerNorm<number>;
  readonly attn: Attention;
  readonly ln2: nn.LayerNorm<number>;
  readonly mlp: Mlp;

  constructor(width: number, eps: number, attn: Attention, mlp: Mlp) {
    super();
    this.ln1 = nn.layerNorm(width, { eps });
    this.attn = attn;
    this.ln2 = nn.layerNorm(width, { eps });
    this.mlp = mlp;
  }

  override forward(x: Tensor): Tensor {
    const attended = add(x, this.attn.forward(this.ln1.forward(x))) as Tensor;
    return add(attended, this.mlp.forward(this.ln2.forward(attended))) as Tensor;
  }
}

/** GPT-2 with the names of Hugging Face's GPT2LMHeadModel: logits [B, T, vocab_size] of what follows each token [B, T]. Its state dicts load through fromHuggingFace(), and PEFT's adapters by loadLora(). */
export class Gpt2 extends nn.Module {
  readonly transformer: { readonly wte: nn.Embedding; readonly wpe: nn.LearnedPositions; readonly drop: nn.Dropout; readonly h: readonly Block[]; readonly lnF: nn.LayerNorm<number> };
  readonly lmHead: nn.Linear;

  constructor(config: Gpt2Config) {
    super();
    const { vocab_size: vocabulary = 50257, n_positions: context = 1024, n_embd: width = 768, n_layer: layers = 12, n_head: heads = 12, layer_norm_epsilon: eps = 1e-5 } = config;
    const { embd_pdrop: dropout = 0.1, attn_pdrop: attentionDropout = 0.1, resid_pdrop: residualDropout = 0.1, activation_function: activation = 'gelu_new' } = config;
    const activate = ACTIVATIONS[activation];
    if (activate === undefined) throw new ArgumentError(`[Gpt2] activation_function: got '${activation}', expected one of ${Object.keys(ACTIVATIONS).join(', ')}.`);
    if (config.scale_attn_weights === false || config.scale_attn_by_inverse_layer_idx === true) throw new ArgumentError('[Gpt2] the scores of the attention: got a scale other than 1 / sqrt(features of a head), expected that.');
    const inner = config.n_inner ?? 4 * width;
    this.transformer = {
      wte: nn.embedding(vocabulary, width),
      wpe: nn.learnedPositions(context, width),
      drop: nn.dropout(dropout),
      h: Array.from({ length: layers }, () => new Block(width, eps, new Attention(width, heads, attentionDropout, residualDropout), new Mlp(width, inner, activate, residualDropout))),
      lnF: nn.layerNorm(width, { eps }),
    };
    this.lmHead = nn.linear(width, vocabulary, { bias: false, weight: (config.tie_word_embeddings ?? true) ? this.transformer.wte.weight : undefined });
    for (const [name, parameter] of this.namedParameters()) {
      if (parameter.shape.length < 2) continue;
      // What adds to the residual is smaller, the more of it there is.
      parameter.initialize(nn.init.normal(0, name.endsWith('cProj.weight') ? 0.02 / Math.sqrt(2 * layers) : 0.02));
    }
  }

  override forward(tokens: Tensor): Tensor {
    const { wte, wpe, drop, h, lnF } = this.transformer;
    const embedded = drop.forward(wpe.forward(wte.forward(tokens)));
    return this.lmHead.forward(lnF.forward(h.reduce<Tensor>((x, block) => block.forward(x), embedded)));
  }
}

/** A state dict of Hugging Face's as Gpt2 takes it: its four weights of a block stand [in, out] in files, and the files of the Hub leave `transformer.` out and have the masks of the attention. */
export function fromHuggingFace(state: ReadonlyMap<string, ShapedValues>): nn.State {
  return new Map(
    [...state]
      .filter(([name]) => !/\.attn\.(masked_)?bias$/.test(name))
      .map(([name, value]) => [name.replace(/^(?=wte|wpe|h\.|ln_f)/, 'transformer.'), /c_(attn|proj|fc)\.weight$/.test(name) ? tensor(value).t() : value]),
  );
}
