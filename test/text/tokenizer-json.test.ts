// Tokenizers of Hugging Face's format: each kind of model, what generation and streams need to know of them, and files that are none.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { data, text } from 'anneal';
import { tokenizersLibrary } from '../../src/text/tokenizers-library.js';

const folder = mkdtempSync(join(tmpdir(), 'tokenizer-json-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
const vocabOf = (tokens: readonly string[]): Record<string, number> => Object.fromEntries(tokens.map((token, i) => [token, i]));
const special = (content: string, id: number) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });

const gpt2 = {
  added_tokens: [special('<|endoftext|>', 9)],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: vocabOf(['t', 'o', 'b', 'e', 'Ġ', 'to', 'Ġb', 'Ġbe', 'Ã', '<|endoftext|>', '©']), merges: ['t o', 'Ġ b', 'Ġb e'] },
};
const bert = {
  added_tokens: [special('[UNK]', 0), special('[CLS]', 1), special('[SEP]', 2)],
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: vocabOf(['[UNK]', '[CLS]', '[SEP]', 'play', '##ing', '##s', 'to']) },
};
const unigram = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: null,
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0], ['▁to', -1], ['▁', -3], ['t', -4], ['o', -4], ['be', -2], ['▁be', -1.5]] },
};

describe('models', () => {
  test('BPE of bytes, as GPT-2', async () => {
    const tokenizer = await text.fromTokenizerJson(file('gpt2.json', gpt2), { endOfText: '<|endoftext|>' });
    expect([tokenizer.size, tokenizer.endOfText, tokenizer.boundaries]).toEqual([11, 9, 'spaces']);
    expect(JSON.parse(JSON.stringify(tokenizer))).toEqual({ size: 11, endOfText: 9, boundaries: 'spaces', addSpecialTokens: false, hash: expect.any(Number) as number });
    expect([...tokenizer.encode('to be b')]).toEqual([5, 7, 6]);
    expect(tokenizer.decode([5, 7, 6, 9])).toBe('to be b');
    expect([...tokenizer.encode('é')]).toEqual([8, 10]);
    expect(tokenizer.decode([8])).toBe('\uFFFD');
    expect(tokenizer.decode([])).toBe('');
  });

  test('WordPiece, as BERT', async () => {
    const path = file('bert.json', bert);
    const tokenizer = await text.fromTokenizerJson(path);
    expect([...tokenizer.encode('Playing to')]).toEqual([3, 4, 6]);
    expect([...(await text.fromTokenizerJson(path, { addSpecialTokens: true })).encode('plays')]).toEqual([1, 3, 5, 2]);
    expect([tokenizer.decode([3, 4, 6]), tokenizer.boundaries, tokenizer.endOfText]).toEqual(['playing to', 'documents', undefined]);
  });

  test('Unigram, as T5', async () => {
    const tokenizer = await text.fromTokenizerJson(file('unigram.json', unigram));
    expect([...tokenizer.encode('to be')]).toEqual([1, 6]);
    expect(tokenizer.decode([1, 6])).toBe('to be');
  });
});

test('the end of text stands in tokenizer_config.json', async () => {
  const path = file('tokenizer.json', gpt2);
  file('tokenizer_config.json', { eos_token: '<|endoftext|>' });
  expect((await text.fromTokenizerJson(path)).endOfText).toBe(9);
  file('tokenizer_config.json', { eos_token: { content: '<|endoftext|>' } });
  expect((await text.fromTokenizerJson(path)).endOfText).toBe(9);
  rmSync(join(folder, 'tokenizer_config.json'));
});

test('streams of text are the same however they are cut into pieces', async () => {
  const whole = 'to  be to be  b to be e to be to b';
  const added = [{ ...special('to', 11), rstrip: true }, special('e b', 12), { ...special('be', 13), lstrip: true }].map((one) => ({ ...gpt2, added_tokens: [one] }));
  for (const content of [gpt2, unigram, ...added]) {
    const tokenizer = await text.fromTokenizerJson(file('cut.json', content));
    const tokensOf = async (pieces: readonly string[]): Promise<number[]> => {
      const tokens: number[] = [];
      for await (const [x] of data.loader(data.fromText(() => pieces, { tokenizer, context: 2, stride: 1 }), { batchSize: 100 })) tokens.push(...(await x.data()));
      return tokens;
    };
    const expected = await tokensOf([whole]);
    expect(expected.length).toBeGreaterThan(20);
    for (let at = 1; at < whole.length; at++) expect(await tokensOf([whole.slice(0, at), whole.slice(at)])).toEqual(expected);
  }
});

test('special tokens are put around a document, not around the pieces that a stream reads', async () => {
  const path = file('around.json', { ...gpt2, post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: { '<|endoftext|>': { id: '<|endoftext|>', ids: [9], tokens: ['<|endoftext|>'] } } } });
  const tokenizer = await text.fromTokenizerJson(path, { addSpecialTokens: true });
  const expected = [...tokenizer.encode('to be to')];
  expect(expected[0]).toBe(9);
  const tokens: number[] = [];
  for await (const [, y] of data.loader(data.fromText(() => ['to be', ' to'], { tokenizer, context: 1 }), { batchSize: 100 })) tokens.push(...(await y.data()));
  expect(tokens).toEqual(expected.slice(1));
});

describe('mistakes', () => {
  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'is no JSON: '],
    ['no object', '3', 'holds no JSON object, expected a tokenizer.json of Hugging Face.'],
    ['another file', { eos_token: 'x' }, 'holds no tokenizer: got undefined as its model, expected a vocabulary. Take the file tokenizer.json, not tokenizer_config.json.'],
    ['an unknown kind', { ...gpt2, model: { ...gpt2.model, type: 'WordLevel' } }, "holds a tokenizer of unknown kind: got 'WordLevel', expected one of BPE, WordPiece, Unigram."],
    ['tokens that are no numbers', { ...gpt2, model: { ...gpt2.model, vocab: { a: 'b' } } }, "holds a broken vocabulary: got 'b' as the token of 'a', expected an integer in [0, 2^31). Download it again."],
    ['tokens below 0', { ...gpt2, model: { ...gpt2.model, vocab: { a: -1 } } }, "got -1 as the token of 'a'"],
    ['tokens beyond int32', { ...gpt2, added_tokens: [special('<s>', 2 ** 31)] }, "got 2147483648 as the token of '<s>'"],
    ['added tokens that are none', { ...gpt2, added_tokens: [null] }, "got undefined as the token of undefined"],
    ['an unknown part', { ...gpt2, pre_tokenizer: { type: 'Magic' } }, "cannot be used: @huggingface/tokenizers reports '"],
  ])('%s', async (_, content, message) => {
    await expect(text.fromTokenizerJson(file('odd.json', content))).rejects.toMatchObject({ code: 'ANNEAL_FILE_FORMAT', message: expect.stringContaining(message) as string });
  });

  test('a token that there is not', async () => {
    const tokenizer = await text.fromTokenizerJson(file('gpt2.json', gpt2));
    expect(() => tokenizer.decode(1 as never)).toThrow('[decode] tokens: got 1, expected an array of tokens.');
    expect(() => tokenizer.decode([0, 11])).toThrow('[decode] token out of range at position 1: got 11, expected an integer in [0, 11). Take tokens of the model that the tokenizer was made for.');
    expect(() => tokenizer.encode('\udc00')).toThrow('[encode] the text is broken at position 0: got half of a surrogate pair (U+DC00)');
    await expect(text.fromTokenizerJson(join(folder, 'gpt2.json'), { endOfText: '<end>' })).rejects.toThrow("endOfText: got '<end>', which is no token of");
    await expect(text.fromTokenizerJson(join(folder, 'nowhere.json'))).rejects.toThrow('ENOENT');
  });

  test.each<[string, unknown, string]>([
    ['Unigram', { ...unigram, model: { ...unigram.model, unk_id: null } }, 'got null at position 2, expected an integer in [0, 7).'],
    ['Unigram with one that is not there', { ...unigram, model: { ...unigram.model, unk_id: 7 } }, 'got 7 at position 2, expected an integer in [0, 7).'],
    ['WordPiece', { ...bert, model: { ...bert.model, unk_token: 'none' } }, 'got undefined at position 1, expected an integer in [0, 7).'],
  ])('a text without a token for what is unknown: %s', async (_, content, message) => {
    const tokenizer = await text.fromTokenizerJson(file('no-unknown.json', content));
    expect(() => tokenizer.encode('to x')).toThrow('[encode] the tokenizer has no token for what stands behind "to');
    expect(() => tokenizer.encode('to x')).toThrow(message);
  });

  test('a library that is not installed', () => {
    const load = (): never => {
      throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
    };
    expect(() => tokenizersLibrary(load)).toThrow('[text.fromTokenizerJson] tokenizer.json is read by @huggingface/tokenizers, which is not installed. Install it beside anneal: npm install @huggingface/tokenizers.');
  });
});
