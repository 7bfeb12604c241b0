// Text that a model writes: what is drawn, where it ends, that keys and values that are kept change nothing, and that no token makes a plan.
import { describe, expect, test, vi } from 'vitest';
import { add, concat, nn, oneHot, Predictor, random, seed, slice, text, zeros, type Tensor } from 'anneal';
import { anyAssigned } from '../../src/graph/assignments.js';
import { Session } from '../../src/runtime/session.js';
import { plansOf } from '../plans-of.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const V = 11;

/** A model of random weights, so sharp that tokens differ. */
class Small extends nn.Module {
  readonly embedding = nn.embedding(V, 16);
  readonly positions: nn.Module;
  readonly blocks: readonly nn.TransformerEncoderLayer[];
  readonly head = nn.linear(16, V);

  constructor(positions: 'learned' | 'sinusoidal' | 'rotary' | 'alibi', context = 12) {
    super();
    const attention = { rotary: positions === 'rotary', alibi: positions === 'alibi', numKvHeads: positions === 'rotary' ? 1 : 2 };
    this.positions = positions === 'learned' ? nn.learnedPositions(context, 16) : positions === 'sinusoidal' ? nn.sinusoidalPositions(16) : nn.identity();
    this.blocks = [0, 1].map(() => nn.transformerEncoderLayer(16, 2, { ...attention, dimFeedforward: 32, isCausal: true, normFirst: true, dropout: 0.5 }));
    this.head.weight.initialize(nn.init.normal(0, 1));
  }

  override forward(tokens: Tensor): Tensor {
    const x = this.positions.forward(this.embedding.forward(tokens as never) as Tensor);
    return this.head.forward(this.blocks.reduce((y, block) => block.forward(y), x)) as Tensor;
  }
}

const small = (positions: 'learned' | 'sinusoidal' | 'rotary' | 'alibi' = 'learned', context = 12): Small => {
  seed(5);
  return new Small(positions, context);
};
const tokensOf = async (model: nn.Module, prompts: text.Prompt | readonly text.Prompt[], options: text.GenerateOptions): Promise<number[][]> => (await text.generate(model, prompts, options).texts()).map(({ tokens }) => [...tokens]);
const letters = text.characters('abcdefghijk');

describe('keys and values that are kept', () => {
  test.each(['learned', 'sinusoidal', 'rotary', 'alibi'] as const)('change nothing: %s positions, prompts of several lengths, beyond the context', async (positions) => {
    const model = small(positions);
    const prompts = [[1], [2, 3, 4, 5, 6, 7, 8], [9, 10, 0]];
    const options = { context: 12, maxTokens: 24, seed: 3 };
    const kept = await tokensOf(model, prompts, options);
    expect(kept).toEqual(await tokensOf(model, prompts, { ...options, cache: false }));
    expect(kept.map((tokens) => tokens.length)).toEqual([24, 24, 24]);
    expect(new Set(kept.flat()).size).toBeGreaterThan(2);
  });

  test.each([true, false])('keep texts apart: one that outgrows the context leaves the others theirs, cache %s', async (cache) => {
    const model = small();
    const prompts = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1], [2, 3, 4, 5, 6, 7, 8], [9]];
    const options = { maxTokens: 14, temperature: 0, cache };
    const alone = [];
    for (const prompt of prompts) alone.push(...(await tokensOf(model, prompt, options)));
    expect(await tokensOf(model, prompts, options)).toEqual(alone);
  });

  test('of a chain of layers, which takes texts of one length otherwise', async () => {
    seed(5);
    const model = nn.sequential([8], nn.embedding(V, 16), nn.learnedPositions(8, 16), nn.transformerEncoderLayer(16, 2, { isCausal: true, dropout: 0 }), nn.linear(16, V));
    expect(await tokensOf(model, [1, 2], { maxTokens: 20 })).toEqual(await tokensOf(model, [1, 2], { maxTokens: 20, cache: false }));
  });

  test.each([true, false])('of a chain of layers as a part of another module, cache %s', async (cache) => {
    const chain = () => {
      seed(5);
      return nn.sequential([24], nn.embedding(V, 16), nn.sinusoidalPositions(16), nn.transformerEncoderLayer(16, 2, { isCausal: true, dropout: 0 }), nn.linear(16, V));
    };
    class Wrapping extends nn.Module {
      readonly chain = chain();
      override forward(tokens: Tensor): Tensor {
        return this.chain.forward(tokens as never) as Tensor;
      }
    }
    const expected = await tokensOf(chain(), [1, 2], { maxTokens: 30, cache });
    expect(await tokensOf(nn.recompute(chain() as never), [1, 2], { maxTokens: 30, cache })).toEqual(expected);
    expect(await tokensOf(new Wrapping(), [1, 2], { maxTokens: 30, cache, context: 24 })).toEqual(expected);
    await expect(tokensOf(new Wrapping(), Array.from({ length: 25 }, () => 1), { cache, context: 32 })).rejects.toThrow('[sequential]');
  });

  test.runIf(planned)('make no plan for a further token or a prompt of another length', async () => {
    const model = small();
    await tokensOf(model, [1, 2, 3], { maxTokens: 20 });
    const further = async (): Promise<void> => {
      for (const length of [1, 5, 12, 9]) await tokensOf(model, Array.from({ length }, (_, i) => i % V), { maxTokens: 20, seed: length });
    };
    expect(await plansOf(further)).toBe(0);
  });

  test.runIf(planned)('are written where they belong: a token makes no memory', async () => {
    const model = small();
    await tokensOf(model, [1, 2, 3], { maxTokens: 4 });
    const made = vi.spyOn(Session.prototype, 'allocateResult');
    let count = 0;
    for await (const _ of text.generate(model, [1, 2, 3], { maxTokens: 8 })) if (count++ === 0) made.mockClear();
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  test.runIf(planned)('of a text that failed leave nothing behind', async () => {
    await expect(tokensOf(small(), [1, 2, V], {})).rejects.toThrow('[embedding] token out of range');
    expect(anyAssigned()).toBe(false);
  });

  /** Logits with those of the position before added. */
  class Mixing extends Small {
    override forward(tokens: Tensor): Tensor {
      const logits = super.forward(tokens);
      const [B, T] = logits.shape as unknown as [number, number, number];
      return add(logits, slice(concat([zeros([B, 1, V]), logits], 1) as Tensor, 0, T, { axis: 1 }) as never) as Tensor;
    }
  }

  test('of a model that mixes positions elsewhere are refused, and not used in silence', async () => {
    seed(5);
    await expect(tokensOf(new Mixing('learned'), [1, 2], {})).rejects.toThrow('[generate] cache: got a model whose logits are others when it sees one token at a time, expected the same: a layer besides nn.multiheadAttention looks at other positions. Pass { cache: false }.');
    expect((await tokensOf(new Mixing('learned'), [1, 2], { cache: false, maxTokens: 3 }))[0]!.length).toBe(3);
  });

  test('are not taken for those of such a model where its weights change from token to token', async () => {
    const model = small();
    let count = 0;
    for await (const _ of text.generate(model, [1, 2, 3], { maxTokens: 6 })) {
      seed(20 + count++);
      await model.loadStateDict(new Small('learned').stateDict());
    }
    expect(count).toBe(6);
  });

  test('of a model without attention are refused', async () => {
    const model = nn.sequential([4], nn.embedding(V, 8), nn.linear(8, V));
    await expect(tokensOf(model, [1], {})).rejects.toThrow('[generate] cache: got a model without nn.multiheadAttention or nn.dotProductAttention, expected one whose attention keeps keys and values. Pass { cache: false }.');
    expect((await tokensOf(model, [1], { cache: false, maxTokens: 7 }))[0]!.length).toBe(7);
  });

  test('of attention to later positions are refused', async () => {
    const model = nn.sequential([4], nn.embedding(V, 8), nn.multiheadAttention(8, 2), nn.linear(8, V));
    await expect(tokensOf(model, [1], {})).rejects.toThrow('[generate] 1: got attention to later positions, expected { isCausal: true } alone, for keys and values to be kept. Make the layer so, or generate with { cache: false }.');
  });
});

// What is drawn of logits is nothing to the mode that computed them.
describe.runIf(planned)('what is generated', () => {
  const model = small();
  const options = { tokenizer: letters, maxTokens: 16, seed: 1 };
  const texts = async (prompts: string | string[], more: text.GenerateOptions = {}): Promise<string[]> => (await text.generate(model, prompts, { ...options, ...more }).texts()).map((one) => one.text);

  test('is a function of the seed, and of each prompt alone', async () => {
    const [first] = await texts('abc');
    expect(await texts('abc')).toEqual([first]);
    expect(await texts('abc', { seed: 2 })).not.toEqual([first]);
    random.key('somebody else draws');
    expect((await texts(['abc', 'kk']))[0]).toBe(first);
  });

  test('comes token by token, as text', async () => {
    const pieces: text.GeneratedToken[] = [];
    for await (const piece of text.generate(model, 'abc', options)) pieces.push(piece);
    expect(pieces.map(({ text: one }) => one).join('')).toBe((await texts('abc'))[0]);
    expect(pieces.map(({ prompt, finished }) => [prompt, finished])).toEqual([...Array.from({ length: 15 }, () => [0, undefined]), [0, 'length']]);
  });

  test('is the likeliest at temperature 0, with topK 1, topP near 0 or minP 1', async () => {
    const [greedy] = await texts('ab', { temperature: 0 });
    for (const alike of [{ topK: 1 }, { topP: 1e-9 }, { minP: 1 }]) expect(await texts('ab', { ...alike, seed: 9 })).toEqual([greedy]);
    expect(await texts('ab')).not.toEqual([greedy]);
  });

  test('ends in front of a stop, of which no part is shown', async () => {
    const [whole] = (await texts('abc')) as [string];
    const stop = whole.slice(7, 10);
    const end = whole.indexOf(stop);
    const [one] = await text.generate(model, 'abc', { ...options, stop: ['no such', stop] }).texts();
    expect(one).toEqual({ text: whole.slice(0, end), tokens: letters.encode(whole.slice(0, end + 3)), finished: 'stop' });
    let shown = '';
    for await (const piece of text.generate(model, 'abc', { ...options, stop })) {
      shown += piece.text;
      expect(whole.slice(0, end).startsWith(shown)).toBe(true);
    }
    expect((await text.generate(model, 'abc', { ...options, stopTokens: [letters.encode(whole)[4]!] }).texts())[0]!.tokens.length).toBeLessThanOrEqual(5);
  });

  test('leaves a text that ends early alone, and goes on with the others', async () => {
    const alone = await Promise.all(['abc', 'kk'].map((prompt) => text.generate(model, prompt, { ...options, temperature: 0, stopTokens: [3, 4] }).texts()));
    const together = await text.generate(model, ['abc', 'kk'], { ...options, temperature: 0, stopTokens: [3, 4] }).texts();
    expect(together).toEqual(alone.flat());
  });

  test('repeats less with a penalty', async () => {
    const differing = async (repetitionPenalty: number): Promise<number> => new Set((await texts('a', { temperature: 0, repetitionPenalty }))[0]).size;
    expect(await differing(5)).toBeGreaterThan(await differing(1));
  });

  test('does not depend on the mode of the model, which stays', async () => {
    const [expected] = await texts('abc');
    model.train();
    expect(await texts('abc')).toEqual([expected]);
    expect(model.blocks[0]!.dropout.training).toBe(true);
  });

  test('shows characters of several tokens whole', async () => {
    const bytes = text.bytes();
    const given = [...bytes.encode('é😀x')];
    /** Gives the bytes of a text in turn. */
    class Saying extends nn.Module {
      override forward(tokens: Tensor): Tensor {
        return oneHot(add(tokens, 1) as Tensor<readonly number[], 'int32'>, 32) as Tensor;
      }
    }
    const spoken = { size: 32, encode: () => [0], decode: (tokens: ArrayLike<number>) => bytes.decode(Array.from(tokens, (token) => given[token - 1] ?? 46)) };
    const pieces: string[] = [];
    for await (const piece of text.generate(new Saying(), [0], { tokenizer: spoken, temperature: 0, maxTokens: 8, context: 16, cache: false })) pieces.push(piece.text);
    expect(pieces).toEqual(['', 'é', '', '', '', '😀', 'x', '.']);
  });

  test('ends by a signal', async () => {
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      for await (const _ of text.generate(model, 'abc', { ...options, signal: controller.signal })) controller.abort(new Error('enough'));
    };
    await expect(run()).rejects.toThrow('[generate] stopped by its signal.');
  });

  test('is read once', async () => {
    const generation = text.generate(model, 'abc', options);
    await generation.texts();
    await expect(generation.texts()).rejects.toThrow('[generate] it was read already, expected one loop, or one call of texts(). Call generate() again: the same seed gives the same.');
  });

  test('names a token that the model does not have, and logits that are no numbers', async () => {
    await expect(text.generate(model, [1, 2, V], { maxTokens: 2 }).texts()).rejects.toThrow(`[embedding] token out of range at row 0, position 2: got ${V}, expected an integer in [0, ${V}).`);
    const broken = small();
    await broken.loadStateDict({ 'head.bias': new Float32Array(V).fill(NaN) }, { strict: false });
    await expect(text.generate(broken, [1], { maxTokens: 2 }).texts()).rejects.toThrow('[generate] the logits of the model are not finite: got NaN, expected numbers. Look at its weights: training may have diverged.');
  });

  const rotary = small('rotary');
  test.each<[() => unknown, string]>([
    [() => text.generate({} as never, 'a'), '[generate] model: got'],
    [() => text.generate(new Predictor(small()) as never, [1]), '[generate] model: got a Predictor, expected a module that gives logits [B,T,V] for tokens [B,T]. Pass the one that it has, its field model.'],
    [() => text.generate(small(), '', { tokenizer: text.bytes({ endOfText: true }) }), '[generate] the prompt is empty: got no tokens, expected at least one to begin with, such as [tokenizer.endOfText], behind which a text begins.'],
    [() => text.generate(model, 'abc'), '[generate] tokenizer: got none for the prompt, which is a text, expected one. Pass { tokenizer }, or tokens.'],
    [() => text.generate(model, '', options), '[generate] the prompt is empty: got no tokens, expected at least one to begin with, such as that of a line break.'],
    [() => text.generate(model, [], options), '[generate] prompts: got none, expected a text, tokens, or an array of them.'],
    [() => text.generate(model, [[1], [1.5]]), '[generate] prompt 1: got 1.5 at position 0, expected a text or tokens, whole numbers of at least 0.'],
    [() => text.generate(model, ['a', 'a'.repeat(13)], options), '[generate] prompt 1 is longer than the context: got 13 tokens, expected at most 12. Keep its end: tokens.slice(-12).'],
    [() => text.generate(model, 'xyz', options), '[encode] the vocabulary has no character for what stands at position 0: got "x", expected one of its 11.'],
    [() => text.generate(model, 'a\ud800', options), '[generate] the prompt is broken at position 1: got half of a surrogate pair (U+D800), expected whole characters.'],
    [() => text.generate(rotary, 'a', options), '[generate] context: got none for a model without nn.learnedPositions, expected the most tokens that it is to see at a time, as in { context: 256 }.'],
    [() => text.generate(model, 'a', { ...options, context: 13 }), '[generate] context: got 13, expected at most 12, which is that of the model.'],
    [() => text.generate(model, 'a', { ...options, temperature: -1 }), '[generate] temperature: got -1, expected a number of at least 0.'],
    [() => text.generate(model, 'a', { ...options, topP: 0 }), '[generate] topP: got 0, expected a probability in (0, 1].'],
    [() => text.generate(model, 'a', { ...options, topK: 0 }), '[generate] topK: got 0, expected a whole number of at least 1.'],
    [() => text.generate(model, 'a', { ...options, repetitionPenalty: 0 }), '[generate] repetitionPenalty: got 0, expected a number above 0.'],
    [() => text.generate(model, 'a', { ...options, stop: '' }), "[generate] stop: got '', expected a text that is not empty, or an array of them."],
    [() => text.generate(model, 'a', { ...options, stop: ['a', '\udc00'] }), '[generate] stop is broken at position 0: got half of a surrogate pair (U+DC00), expected whole characters.'],
    [() => text.generate(model, 'a', { tokenizer: { size: V, encode: () => [1, NaN], decode: () => '' } }), '[generate] tokenizer: its encode() gave NaN at position 1 of the prompt, expected tokens, whole numbers of at least 0.'],
    [() => text.generate(model, [1], { stop: 'a' }), '[generate] stop: got it without a tokenizer, expected one, as it is text that is looked for. Pass { tokenizer }, or stopTokens.'],
    [() => text.generate(model, 'a', { ...options, minP: 2 }), '[generate] minP: got 2, expected a probability in [0, 1].'],
    [() => text.generate(model, 'a', { ...options, maxTokens: 0 }), '[generate] maxTokens: got 0, expected a whole number of at least 1.'],
    [() => text.generate(model, 'a', { ...options, stopTokens: 3 as never }), '[generate] stopTokens: got 3, expected an array of tokens.'],
    [() => text.generate(model, 'a', { ...options, topk: 3 } as never), '[generate] unknown option: got topk, expected one of'],
    [() => text.generate(model, 'a', { ...options, tokenizer: 'gpt2' as never }), "[generate] tokenizer: got 'gpt2', expected one with size, encode() and decode(), as in text.characters(corpus)."],
  ])('%#', (call, message) => expect(call).toThrow(message));

  test('of attention that is given a mask', async () => {
    /** Hides the first key. */
    class Masking extends Small {
      readonly attention = nn.multiheadAttention(16, 2, { isCausal: true });
      override forward(tokens: Tensor): Tensor {
        const x = this.embedding.forward(tokens as never) as Tensor;
        return this.head.forward(this.attention.forward(x, { mask: zeros([tokens.shape[1]!, tokens.shape[1]!]) })) as Tensor;
      }
    }
    seed(5);
    await expect(text.generate(new Masking('learned'), [1]).texts()).rejects.toThrow('[generate] multiheadAttention(16, 2): got a mask or lengths, expected { isCausal: true } alone, for keys and values to be kept. Make the layer so, or generate with { cache: false }.');
  });

  test('of a model that gives no tensor', async () => {
    class Silent extends nn.Module {
      override forward(): Tensor {
        return 7 as never;
      }
    }
    await expect(text.generate(new Silent(), [1], { context: 4 }).texts()).rejects.toThrow('[generate] the model gives 7, expected logits [B,T,V].');
  });

  test('of a tokenizer whose texts are none', async () => {
    await expect(text.generate(model, [1], { tokenizer: { size: V, encode: () => [], decode: () => 5 as never } }).texts()).rejects.toThrow('[decode] tokenizer: its decode() gave 5, expected a text.');
  });

  test('of a model without a vocabulary', async () => {
    class Mute extends nn.Module {
      override forward(tokens: Tensor): Tensor {
        return zeros([...tokens.shape, 0]);
      }
    }
    await expect(text.generate(new Mute(), [1], { context: 4, cache: false }).texts()).rejects.toThrow('[generate] the model gives [1,4,0], expected logits [1,4,V]');
  });

  test('of a model that gives no logits', async () => {
    const pooled = nn.sequential([4], nn.embedding(V, 8), nn.flatten(), nn.linear(32, V));
    await expect(text.generate(pooled, [1], { cache: false }).texts()).rejects.toThrow(`[generate] the model gives [1,${V}], expected logits [1,4,V]: one for each token of the vocabulary, behind each token of the text.`);
  });
});
