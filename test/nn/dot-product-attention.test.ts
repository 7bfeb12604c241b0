// Attention of several heads without weights: the same as nn.multiheadAttention around projections of one's own, also while text is generated.
import { describe, expect, it, test } from 'vitest';
import { nn, seed, tensor, text, type Tensor } from 'anneal';
import { expectClose } from '../parity/fixtures.js';

const numbers = (shape: readonly number[], key = 1): Tensor => tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + key)), { shape });

/** Attention with weights of its own names, made of those of nn.multiheadAttention. */
class Projected extends nn.Module {
  readonly qProj: nn.Linear;
  readonly kProj: nn.Linear;
  readonly vProj: nn.Linear;
  readonly oProj: nn.Linear;
  readonly heads: nn.DotProductAttention;

  constructor(width: number, heads: number, options: nn.DotProductAttentionOptions) {
    super();
    const kept = (width / heads) * (options.numKvHeads ?? heads);
    this.qProj = nn.linear(width, width);
    this.kProj = nn.linear(width, kept);
    this.vProj = nn.linear(width, kept);
    this.oProj = nn.linear(width, width);
    this.heads = nn.dotProductAttention(heads, options);
  }

  override forward(x: Tensor, memory: Tensor = x): Tensor {
    return this.attend(x, memory, undefined);
  }

  attend(x: Tensor, memory: Tensor, options: nn.AttendOptions | undefined): Tensor {
    return this.oProj.forward(this.heads.forward(this.qProj.forward(x) as Tensor, this.kProj.forward(memory) as Tensor, this.vProj.forward(memory) as Tensor, options)) as Tensor;
  }

  async take(whole: nn.MultiheadAttention): Promise<this> {
    const [weight, bias] = [whole.inProjWeight!, whole.inProjBias!];
    const [width, kept] = [this.qProj.weight.shape[0], this.kProj.weight.shape[0]];
    const state = new Map<string, Tensor>([['oProj.weight', whole.outProj.weight as never], ['oProj.bias', whole.outProj.bias as never]]);
    for (const [name, from, to] of [['qProj', 0, width], ['kProj', width, width + kept], ['vProj', width + kept, width + 2 * kept]] as const) {
      state.set(`${name}.weight`, weight.slice(from, to) as Tensor).set(`${name}.bias`, bias.slice(from, to) as Tensor);
    }
    await this.loadStateDict(state);
    return this;
  }
}

describe('with projections of one’s own', () => {
  const mask = tensor([[true, true, false, true, true], [true, true, true, false, true], [true, false, true, true, true], [true, true, true, true, true], [false, true, true, true, true]]);
  it.each<[string, nn.DotProductAttentionOptions, nn.AttendOptions?]>([
    ['plain', {}],
    ['causal', { isCausal: true }],
    ['causal when called', {}, { isCausal: true }],
    ['grouped', { numKvHeads: 2 }],
    ['rotary', { isCausal: true, rotary: true }],
    ['interleaved', { rotary: { layout: 'interleaved', base: 100, dims: 2 } }],
    ['ALiBi', { isCausal: true, alibi: true }],
    ['masked', {}, { mask }],
    ['of lengths', {}, { keyLengths: tensor([3, 5], { dtype: 'int32' }) }],
  ])('it is nn.multiheadAttention: %s', async (_, options, call) => {
    seed(2);
    const whole = nn.multiheadAttention(16, 4, options);
    const parts = await new Projected(16, 4, options).take(whole as never);
    const x = numbers([2, 5, 16]);
    expectClose('outputs', await parts.attend(x, x, call).data(), [...(await whole.forward(x, call ?? {}).data())]);
  });

  it('attends to other keys', async () => {
    const whole = nn.multiheadAttention(16, 4);
    const parts = await new Projected(16, 4, {}).take(whole as never);
    const [x, memory] = [numbers([2, 5, 16]), numbers([2, 7, 16], 4)];
    expectClose('outputs', await parts.forward(x, memory).data(), [...(await whole.forward(x, memory).data())]);
  });

  it('draws dropout in training alone', async () => {
    const attention = nn.dotProductAttention(2, { dropout: 0.5 });
    const x = numbers([1, 6, 8]);
    const once = async (): Promise<Float32Array> => (await attention.forward(x, x, x).data()) as Float32Array;
    expect(await once()).not.toEqual(await once());
    attention.eval();
    expect(await once()).toEqual(await once());
  });
});

class Writer extends nn.Module {
  readonly tokens = nn.embedding(11, 16);
  readonly attention: Projected;
  readonly head = nn.linear(16, 11);

  constructor(options: nn.DotProductAttentionOptions) {
    super();
    this.attention = new Projected(16, 4, options);
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.attention.forward(this.tokens.forward(x as never) as Tensor)) as Tensor;
  }
}

it.each<[string, nn.DotProductAttentionOptions]>([
  ['plain', {}],
  ['rotary', { rotary: true }],
  ['ALiBi and grouped', { alibi: true, numKvHeads: 2 }],
])('while text is generated, keys and values are kept: %s', async (_, options) => {
  seed(4);
  const model = new Writer({ ...options, isCausal: true });
  const [kept, whole] = await Promise.all([true, false].map((cache) => text.generate(model, [[1, 2, 3], [4]], { maxTokens: 14, context: 12, temperature: 0, cache }).texts()));
  expect(kept).toEqual(whole);
});

it('attention to later tokens cannot keep them, and generation says so', async () => {
  const model = new Writer({});
  await expect(text.generate(model, [[1, 2, 3]], { maxTokens: 3, context: 12 }).texts()).rejects.toThrow('Pass { cache: false }');
});

const x = numbers([2, 5, 16]);
test.each<[() => unknown, string]>([
  [() => nn.dotProductAttention(0), '[dotProductAttention] numHeads: got 0, expected a whole number of at least 1.'],
  [() => nn.dotProductAttention(4, { numKvHeads: 3 }), '[dotProductAttention] numKvHeads: got 3 for 4 heads, expected a number that divides them.'],
  [() => nn.dotProductAttention(4, { dropout: 2 }), '[dotProductAttention] dropout: got 2, expected a probability in [0, 1]. Write 20 % as 0.2.'],
  [() => nn.dotProductAttention(4, { alibi: true, rotary: true }), '[dotProductAttention] alibi: got it with rotary, expected one of the two: each tells positions.'],
  [() => nn.dotProductAttention(4, { rotary: { base: 0 } }), '[dotProductAttention] base: got 0, expected a number above 0, such as 10000.'],
  [() => nn.dotProductAttention(4, { causal: true } as never), '[dotProductAttention] unknown option: got causal, expected one of dropout, numKvHeads, isCausal, rotary, alibi. Did you mean isCausal?'],
  [() => nn.dotProductAttention(4).forward(x), '[dotProductAttention] key is no tensor: got undefined, expected a tensor.'],
  [() => nn.dotProductAttention(3).forward(x, x, x), '[dotProductAttention] query does not fit: got [2,5,16], expected [B,T,features] with features that divide into 3 heads. Project it first; put the batch in front.'],
  [() => nn.dotProductAttention(4).forward(numbers([5, 16]), x, x), 'query does not fit: got [5,16], expected [B,T,features]'],
  [() => nn.dotProductAttention(4).forward(x, numbers([2, 5, 8]), x), '[scaledDotProductAttention] the shapes do not fit'],
  [() => nn.dotProductAttention(4, { alibi: true }).forward(x, x, x, { mask: numbers([5, 5]) }), '[dotProductAttention] mask: got one beside alibi, expected one of the two.'],
])('%#', (call, message) => expect(call).toThrow(message));
