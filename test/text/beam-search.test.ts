// Beam search with models, and models of an encoder and a decoder: that keys and values which are kept and change places change nothing, and that the best is found.
import { describe, expect, test, vi } from 'vitest';
import { concat, nn, seed, tensor, text, zeros, type Tensor } from 'anneal';
import { NextLogits } from '../../src/text/next-logits.js';
import { plansOf } from '../plans-of.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const V = 7;
const END = 0;

/** A model of random weights, so sharp that tokens differ. */
class Small extends nn.Module {
  readonly embedding = nn.embedding(V, 16);
  readonly positions: nn.Module;
  readonly blocks: readonly nn.TransformerEncoderLayer[];
  readonly head = nn.linear(16, V);

  constructor(positions: 'learned' | 'rotary', context = 12) {
    super();
    const attention = positions === 'rotary' ? { rotary: true, numKvHeads: 1 } : {};
    this.positions = positions === 'learned' ? nn.learnedPositions(context, 16) : nn.identity();
    this.blocks = [0, 1].map(() => nn.transformerEncoderLayer(16, 2, { ...attention, dimFeedforward: 32, isCausal: true, normFirst: true, dropout: 0.5 }));
    this.head.weight.initialize(nn.init.normal(0, 0.6));
  }

  override forward(tokens: Tensor): Tensor {
    const x = this.positions.forward(this.embedding.forward(tokens as never) as Tensor);
    return this.head.forward(this.blocks.reduce((y, block) => block.forward(y), x)) as Tensor;
  }
}

type Source = { values: Tensor; lengths: Tensor };
type Memory = { states: Tensor; lengths: Tensor };

/** The same with an encoder. */
class Translating extends nn.Module {
  readonly sourceTokens = nn.embedding(5, 16);
  readonly encoder = nn.transformerEncoder(nn.transformerEncoderLayer(16, 2, { dimFeedforward: 32, dropout: 0.5 }), 2);
  readonly tokens = nn.embedding(V, 16);
  readonly positions = nn.learnedPositions(12, 16);
  readonly decoder = nn.transformerDecoder(nn.transformerDecoderLayer(16, 2, { dimFeedforward: 32, dropout: 0.5, normFirst: true }), 2);
  readonly head = nn.linear(16, V);

  constructor() {
    super();
    this.head.weight.initialize(nn.init.normal(0, 0.8));
  }

  encode({ values, lengths }: Source): Memory {
    return { states: this.encoder.forward(this.sourceTokens.forward(values as never) as Tensor, { keyLengths: lengths }), lengths };
  }

  override forward(): never {
    throw new Error('of the whole model nobody asks here');
  }

  decode(tokens: Tensor, { states, lengths }: Memory): Tensor {
    return this.head.forward(this.decoder.forward(this.positions.forward(this.tokens.forward(tokens as never) as Tensor), states, { memoryKeyLengths: lengths })) as Tensor;
  }
}

const small = (positions: 'learned' | 'rotary' = 'learned'): Small => {
  seed(5);
  return new Small(positions);
};
const translating = (): Translating => {
  seed(6);
  return new Translating();
};
const SOURCES = [[1, 2, 3, 4], [4, 4], [2, 0, 1], [3, 1, 1, 1]];
const batchOf = (sources: readonly (readonly number[])[], width = 4): Source => ({
  values: tensor(sources.map((source) => [...source, ...Array.from({ length: width - source.length }, () => 0)]), { dtype: 'int32' }) as Tensor,
  lengths: tensor(sources.map(({ length }) => length), { dtype: 'int32' }) as Tensor,
});
const plain = (results: readonly (readonly text.BeamResult[])[]): unknown => results.map((beams) => beams.map(({ tokens, score }) => ({ tokens: [...tokens], score: Number(score.toFixed(4)) })));

/** Of each text behind the prompt, of up to `maxTokens` tokens, the logarithm of its probability: of a pass over each. */
async function everything(logitsOf: (tokens: readonly (readonly number[])[]) => Promise<number[][]>, prompt: readonly number[], maxTokens: number): Promise<Map<string, number>> {
  const ended = new Map<string, number>();
  let open: { tokens: number[]; sum: number }[] = [{ tokens: [], sum: 0 }];
  for (let length = 1; length <= maxTokens; length++) {
    const rows = await logitsOf(open.map(({ tokens }) => [...prompt, ...tokens]));
    const next = open.flatMap(({ tokens, sum }, i) => {
      const total = Math.log(rows[i]!.reduce((all, logit) => all + Math.exp(logit), 0));
      return rows[i]!.map((logit, token) => ({ tokens: [...tokens, token], sum: sum + logit - total }));
    });
    const ends = ({ tokens }: { tokens: number[] }): boolean => tokens.at(-1) === END || length === maxTokens;
    for (const one of next.filter(ends)) ended.set(one.tokens.join(' '), one.sum);
    open = next.filter((one) => !ends(one));
  }
  return ended;
}
const lastRows = async (logits: Tensor): Promise<number[][]> => (await (logits as Tensor<[number, number, number]>).array()).map((rows) => [...rows.at(-1)!]);

test('logits behind texts that change places, and then do not, are those of passes over all tokens', async () => {
  const model = small('rotary');
  const [kept, whole] = [true, false].map((cache) => new NextLogits(model, [[1, 2], [3], [4, 5, 6]], { op: 'test', context: 12, isFixed: false, cache })) as [NextLogits, NextLogits];
  for (let step = 0; step < 6; step++) {
    const [a, b] = [await kept.next(), await whole.next()];
    a.data.forEach((logit, i) => expect(logit).toBeCloseTo(b.data[i]!, 4));
    for (const one of [kept, whole]) {
      if (step % 2 === 0) one.reorder(Int32Array.of(2, 0, 0), [step, 1, 2]);
      else one.append([1, step, 3]);
    }
  }
  for (const one of [kept, whole]) one.dispose();
});

// What is found of logits is nothing to the mode that computed them.
describe.runIf(planned)('beam search', () => {
  const options = { stopTokens: [END], maxTokens: 9 };

  test.each(['learned', 'rotary'] as const)('with keys and values kept is that without: %s positions, prompts of several lengths', async (positions) => {
    const model = small(positions);
    const prompts = [[1], [2, 3, 4, 5], [6, 1]];
    const given = { ...options, maxTokens: 8, beams: 4, returnSequences: 4, earlyStopping: 'never' as const };
    const kept = await text.beamSearch(model, prompts, given);
    expect(plain(kept)).toEqual(plain(await text.beamSearch(model, prompts, { ...given, cache: false })));
    expect(new Set(kept.flat().map(({ tokens }) => tokens.join())).size).toBeGreaterThan(8);
    for (const beams of kept) expect(beams.map(({ score }) => score)).toEqual(beams.map(({ score }) => score).toSorted((a, b) => b - a));
  });

  test('with one beam is generation by the likeliest token', async () => {
    const model = small();
    const prompts = [[1], [2, 3], [4, 5, 6]];
    const greedy = await text.generate(model, prompts, { ...options, temperature: 0 }).texts();
    const beams = await text.beamSearch(model, prompts, { ...options, beams: 1 });
    expect(beams.map(([one]) => [...one!.tokens])).toEqual(greedy.map(({ tokens }) => [...tokens]));
    expect(beams.map(([one]) => one!.finished)).toEqual(greedy.map(({ finished }) => finished));
  });

  test('with as many beams as there are texts finds the likeliest of all', async () => {
    const model = small();
    model.eval();
    const all = await everything((tokens) => lastRows(model.forward(tensor(tokens as number[][], { dtype: 'int32' }) as Tensor)), [3], 3);
    const [found] = await text.beamSearch(model, [3], { stopTokens: [END], maxTokens: 3, beams: 300, returnSequences: 12, lengthPenalty: 0, earlyStopping: 'never' });
    const best = [...all].toSorted(([, a], [, b]) => b - a).slice(0, 12);
    expect(found!.map(({ tokens }) => tokens.join(' '))).toEqual(best.map(([tokens]) => tokens));
    found!.forEach(({ logProbability }, i) => expect(logProbability).toBeCloseTo(best[i]![1], 4));
  });

  test('gives texts without the token that ends them', async () => {
    const letters = { size: V, endOfText: END, encode: (given: string) => Array.from(given, Number), decode: (tokens: ArrayLike<number>) => Array.from(tokens).join('') };
    const [found] = await text.beamSearch(small(), '12', { tokenizer: letters, beams: 5, returnSequences: 5, maxTokens: 9 });
    expect(found!.some(({ finished }) => finished === 'stop')).toBe(true);
    for (const { tokens, text: shown, finished } of found!) expect(shown).toBe([...(finished === 'stop' ? tokens.slice(0, -1) : tokens)].join(''));
  });

  test('of a chain of layers that takes texts of one length', async () => {
    seed(5);
    const model = nn.sequential([8], nn.embedding(V, 16), nn.learnedPositions(8, 16), nn.transformerEncoderLayer(16, 2, { isCausal: true, dropout: 0 }), nn.linear(16, V));
    const given = { stopTokens: [END], beams: 3, returnSequences: 3 };
    const found = await text.beamSearch(model, [1, 2], given);
    expect(plain(found)).toEqual(plain(await text.beamSearch(model, [1, 2], { ...given, cache: false })));
    // As long as the context has room for.
    expect(Math.max(...found[0]!.map(({ tokens }) => tokens.length))).toBeLessThanOrEqual(7);
  });

  test('makes no plan for a further token', async () => {
    const model = small();
    const given = { stopTokens: [], maxTokens: 3, beams: 3 };
    await text.beamSearch(model, [1], given);
    expect(await plansOf(() => text.beamSearch(model, [1, 2], { ...given, maxTokens: 10 }))).toBe(0);
  });

  const model = small();
  test.each<[() => unknown, string]>([
    [() => text.beamSearch({} as never, [1]), '[beamSearch] model: got'],
    [() => text.beamSearch(model, [1], { ...options, beams: 0 }), '[beamSearch] beams: got 0, expected a whole number of at least 1.'],
    [() => text.beamSearch(model, [1], { maxTokens: 3 }), '[beamSearch] stopTokens: got none, and no tokenizer with endOfText, expected the tokens that end a text. Pass { stopTokens: [] } for results of maxTokens each.'],
    [() => text.beamSearch(model, [1], { ...options, stopTokens: 0 as never }), '[beamSearch] stopTokens: got 0, expected an array of tokens.'],
    [() => text.beamSearch(model, [1], { ...options, beams: 2, returnSequences: 3 }), '[beamSearch] returnSequences: got 3, expected at most as many as there are beams, 2.'],
    [() => text.beamSearch(model, [1], { ...options, lengthPenalty: NaN }), '[beamSearch] lengthPenalty: got NaN, expected a number.'],
    [() => text.beamSearch(model, [1], { ...options, earlyStopping: 'always' as never }), "[beamSearch] earlyStopping: got 'always', expected true, false or 'never'."],
    [() => text.beamSearch(model, [1, 2], { ...options, maxTokens: 12 }), '[beamSearch] maxTokens: got 12 behind a prompt of 2, expected at most 11, for which the context of the model, 12, has room.'],
    [() => text.beamSearch(model, [], options), '[beamSearch] prompts: got none, expected a text, tokens, or an array of them.'],
    [() => text.beamSearch(model, [1], { ...options, temperature: 1 } as never), '[beamSearch] unknown option: got temperature, expected one of'],
    [() => text.beamSearch(model, [1], { ...options, num_beams: 3 } as never), '[beamSearch] unknown option: got num_beams, expected one of source, tokenizer, maxTokens, stopTokens, cache, signal, beams, lengthPenalty, earlyStopping, returnSequences. Did you mean beams?'],
    [() => text.beamSearch(model, [1], { ...options, numReturnSequences: 3 } as never), ' Did you mean returnSequences?'],
    [() => text.beamSearch(model, [1], { ...options, source: zeros([1, 2]) } as never), '[beamSearch] source: got one for a model without encode() and decode(), expected a model with both, of which decode(tokens, memory) gives logits [B,T,V]. Add them, or leave out source.'],
  ])('errors %#', (call, message) => expect(call).toThrow(message));

  test('of logits that are no numbers, and by a signal', async () => {
    const broken = small();
    await broken.loadStateDict({ 'head.bias': new Float32Array(V).fill(NaN) }, { strict: false });
    await expect(text.beamSearch(broken, [1], options)).rejects.toThrow('[beamSearch] the logits of the model are not finite: got NaN, expected numbers. Look at its weights: training may have diverged.');
    await expect(text.beamSearch(small(), [1], { ...options, signal: AbortSignal.abort() })).rejects.toThrow('[beamSearch] stopped by its signal.');
  });
});

describe.runIf(planned)('an encoder and a decoder', () => {
  const options = { stopTokens: [END], maxTokens: 9 };
  const START = [END];

  test('generate as by hand, a text for each source, with keys and values kept or not', async () => {
    const model = translating();
    const source = batchOf(SOURCES);
    const kept = (await text.generate(model, START, { source, ...options, temperature: 0 }).texts()).map(({ tokens }) => [...tokens]);
    expect((await text.generate(model, START, { source, ...options, temperature: 0, cache: false }).texts()).map(({ tokens }) => [...tokens])).toEqual(kept);
    expect(new Set(kept.map((tokens) => tokens.join())).size).toBeGreaterThan(1);
    model.eval();
    for (const [i, one] of SOURCES.entries()) {
      const tokens: number[] = [];
      while (tokens.length < 9 && tokens.at(-1) !== END) {
        const [row] = await lastRows(model.decode(tensor([[...START, ...tokens]], { dtype: 'int32' }) as Tensor, model.encode(batchOf([one]))));
        tokens.push(row!.indexOf(Math.max(...row!)));
      }
      expect(kept[i]).toEqual(tokens);
    }
  });

  test('that train meanwhile generate', async () => {
    const model = translating();
    seed(7);
    const weights = await new Translating().toArrays();
    let count = 0;
    for await (const _ of text.generate(model, START, { source: batchOf(SOURCES.slice(0, 2)), stopTokens: [], maxTokens: 4 })) if (count++ === 1) await model.loadStateDict(weights);
    expect(count).toBe(8);
  });

  test('search with keys and values kept as without, whatever the other sources are', async () => {
    const model = translating();
    const given = { ...options, beams: 4, returnSequences: 4, earlyStopping: 'never' as const };
    const kept = await text.beamSearch(model, START, { source: batchOf(SOURCES), ...given });
    expect(plain(kept)).toEqual(plain(await text.beamSearch(model, START, { source: batchOf(SOURCES), ...given, cache: false })));
    const alone = await Promise.all(SOURCES.map((one) => text.beamSearch(model, START, { source: batchOf([one]), ...given })));
    expect(plain(kept)).toEqual(plain(alone.flat()));
    expect((await text.beamSearch(model, START, { source: batchOf(SOURCES), ...options, beams: 1 })).map(([one]) => [...one!.tokens])).toEqual(
      (await text.generate(model, START, { source: batchOf(SOURCES), ...options, temperature: 0 }).texts()).map(({ tokens }) => [...tokens]),
    );
  });

  test('find the likeliest of all texts', async () => {
    const model = translating();
    model.eval();
    const logitsOf = async (tokens: readonly (readonly number[])[]): Promise<number[][]> => lastRows(model.decode(tensor(tokens as number[][], { dtype: 'int32' }) as Tensor, model.encode(batchOf(tokens.map(() => SOURCES[0]!)))));
    const all = [...(await everything(logitsOf, START, 3))].map(([tokens, sum]) => [tokens, sum / tokens.split(' ').length] as const);
    const [found] = await text.beamSearch(model, START, { source: batchOf([SOURCES[0]!]), stopTokens: [END], maxTokens: 3, beams: 300, returnSequences: 12, earlyStopping: 'never' });
    expect(found!.map(({ tokens }) => tokens.join(' '))).toEqual(all.toSorted(([, a], [, b]) => b - a).slice(0, 12).map(([tokens]) => tokens));
  });

  test('encode once, and project the memory once', async () => {
    const model = translating();
    const encode = vi.spyOn(model, 'encode');
    const given = { source: batchOf(SOURCES), stopTokens: [] as number[], temperature: 0, maxTokens: 8 };
    const expected = (await text.generate(model, START, given).texts()).map(({ tokens }) => [...tokens]);
    expect(encode).toHaveBeenCalledTimes(1);
    const tokens: number[][] = SOURCES.map(() => []);
    for await (const { prompt, token } of text.generate(model, START, given)) {
      tokens[prompt]!.push(token);
      if (tokens.flat().length !== SOURCES.length) continue;
      // What makes keys and values of the memory is gone once all have their first token.
      const names = [0, 1].map((i) => `decoder.layers.${i}.multiheadAttn.inProjWeight`);
      const state = model.stateDict();
      const changed = await Promise.all(names.map(async (name) => (await state.get(name)!.data()).map((value, i) => (i < 16 * 16 ? value : 0)) as Float32Array));
      await model.loadStateDict(Object.fromEntries(names.map((name, i) => [name, changed[i]!])), { strict: false });
    }
    expect(tokens).toEqual(expected);
  });

  test('take the source as one tensor, and a prompt for each', async () => {
    /** Counts on the memory, which is one tensor. */
    class Plain extends Translating {
      override encode(source: never): never {
        return super.encode({ values: source, lengths: tensor(Array.from({ length: (source as Tensor).shape[0]! }, () => 4), { dtype: 'int32' }) as Tensor }).states as never;
      }
      override decode(tokens: Tensor, memory: never): Tensor {
        return super.decode(tokens, { states: memory, lengths: tensor(Array.from({ length: tokens.shape[0]! }, () => 4), { dtype: 'int32' }) as Tensor });
      }
    }
    seed(6);
    const model = new Plain();
    const full = [SOURCES[0]!, SOURCES[3]!];
    const prompts = [[END], [END, 3]];
    const same = await text.generate(translating(), prompts, { source: batchOf(full), ...options, temperature: 0 }).texts();
    expect(await text.generate(model, prompts, { source: batchOf(full).values as never, ...options, temperature: 0 }).texts()).toEqual(same);
  });

  test('make no plan for other sources of the same width', async () => {
    const model = translating();
    await text.beamSearch(model, START, { source: batchOf(SOURCES), ...options });
    expect(await plansOf(() => text.beamSearch(model, START, { source: batchOf(SOURCES.map(() => [1, 1, 2])), ...options }))).toBe(0);
  });

  const model = translating();
  const source = batchOf(SOURCES);
  test.each<[() => unknown, string]>([
    [() => text.generate(model as never, START, options), '[generate] source: got none for a model with encode() and decode(), expected what encode() takes, as in { source: batch }.'],
    [() => text.beamSearch(model as never, START, options), '[beamSearch] source: got none for a model with encode() and decode(), expected what encode() takes, as in { source: batch }.'],
    [() => text.generate(model, START, { ...options, source: [1, 2] as never }), '[generate] source: got an Array, expected a tensor or a record of tensors, with the batch in front, which encode() takes.'],
    [() => text.generate(model, [[0], [0], [0]], { ...options, source }), '[generate] prompts: got 3 for 4 sources, expected one for each, or one for all.'],
    [() => text.generate(model, START, { ...options, source: { ...source, lengths: tensor([1], { dtype: 'int32' }) as Tensor } }), '[generate] source.lengths: got [1], expected the batch in front, [4,...] as in source.values.'],
  ])('errors %#', (call, message) => expect(call).toThrow(message));

  test('a model with a method decode() of tokens alone is one that writes', async () => {
    const writer = Object.assign(small(), { encode: (letters: string) => Array.from(letters, Number), decode: (tokens: number[]) => tokens.join('') });
    const expected = await text.beamSearch(small(), [1], options);
    expect(plain(await text.beamSearch(writer, [1], options))).toEqual(plain(expected));
  });

  test('errors of what encode() gives', async () => {
    const odd = (memory: unknown): Translating => Object.assign(translating(), { encode: () => memory });
    await expect(text.beamSearch(odd(3), START, { source, ...options })).rejects.toThrow('[beamSearch] encode() gives 3, expected a tensor or a record of tensors.');
    await expect(text.beamSearch(odd({ states: zeros([2, 3]) }), START, { source, ...options })).rejects.toThrow('[beamSearch] encode() gives a memory of 2 examples for 4 sources, expected as many: the batch in front.');
    await expect(text.generate(odd({ states: concat([zeros([4, 4, 16])], 0), lengths: zeros([]) }), START, { source, ...options }).texts()).rejects.toThrow('[generate] the memory.lengths: got [], expected the batch in front, [4,...] as in the memory.states.');
  });
});
