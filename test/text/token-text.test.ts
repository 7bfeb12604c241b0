// Text of tokens one by one: the same as that of all of them, whatever belongs together.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { add, nn, oneHot, text, type Tensor } from 'anneal';
import { textBehind, TokenText } from '../../src/text/token-text.js';

const bytes = text.bytes();
/** A tokenizer of these tokens' bytes. */
const ofBytes = (tokens: readonly Uint8Array[]): text.Tokenizer => ({ size: tokens.length, encode: () => [], decode: (given) => bytes.decode(Array.from(given).flatMap((token) => [...tokens[token]!])) });
/** Joins words as the decoder of WordPiece does; [SEP] has no text. */
const words = ['play', '##ing', 'to', '[SEP]', '##s'];
const wordPiece: text.Tokenizer = {
  size: words.length,
  encode: () => [],
  decode: (given) => Array.from(given, (token) => words[token]!).filter((word) => word !== '[SEP]').map((word, i) => (word.startsWith('##') ? word.slice(2) : `${i > 0 ? ' ' : ''}${word}`)).join(''),
};

describe('text of tokens one by one', () => {
  test('is that of all of them, of characters whose bytes are in several, and tokens that have bytes of several', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (whole, sizes) => {
      const given = bytes.encode(whole);
      const tokens: Uint8Array[] = [];
      for (let at = 0; at < given.length; at += tokens.at(-1)!.length) tokens.push(Uint8Array.from(given.slice(at, at + sizes[tokens.length % sizes.length]!)));
      const one = new TokenText(ofBytes(tokens), []);
      let shown = '';
      for (const token of tokens.keys()) {
        shown += one.add(token);
        if (!whole.includes('\uFFFD')) expect(whole.startsWith(shown)).toBe(true);
      }
      expect(shown + one.end()).toBe(whole);
    }), { numRuns: 300, seed: 1 });
  });

  test('is that of all of them where bytes are no text', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe4, 0xf0, 0x9f, 0xff), { maxLength: 7 }), (tokens) => textBehind(bytes, [], tokens) === bytes.decode(tokens)), { numRuns: 500, seed: 1 });
  });

  test('of nothing but broken bytes does not wait for the end, nor does a character behind them get lost', () => {
    const one = new TokenText(bytes, []);
    const shown = Array.from({ length: 40 }, () => one.add(0x80)).join('');
    expect(shown.length).toBeGreaterThan(32);
    expect(shown + [0xc3, 0xa9].map((byte) => one.add(byte)).join('')).toBe(`${'\uFFFD'.repeat(40)}é`);
  });

  test('has the spaces that it has behind the prompt', () => {
    expect(textBehind(wordPiece, [0], [1, 2, 0, 4])).toBe('ing to plays');
    expect(textBehind(wordPiece, [2, 3], [3, 0, 3, 3, 2])).toBe(' play to');
    expect(textBehind(wordPiece, [3], [0, 2])).toBe('play to');
    expect(textBehind(wordPiece, [0, words.length], [2, 2])).toBe('to to');
  });

  test('is its own where the prompt ends within a character', () => {
    expect(textBehind(bytes, [97, 0xc3], [0xa9, 97])).toBe('\uFFFDa');
  });
});

test('generate() and beamSearch() write the spaces in front of words', async () => {
  /** Gives the token behind each. */
  class Next extends nn.Module {
    override forward(tokens: Tensor): Tensor {
      return oneHot(add(tokens, 1) as Tensor<readonly number[], 'int32'>, 5) as Tensor;
    }
  }
  const spoken = { ...wordPiece, decode: (given: ArrayLike<number>) => wordPiece.decode(Array.from(given, (token) => [2, 0, 1, 2, 0][token]!)) };
  const options = { tokenizer: spoken, maxTokens: 4, cache: false };
  const pieces: string[] = [];
  for await (const piece of text.generate(new Next(), [0], { ...options, temperature: 0, context: 8 })) pieces.push(piece.text);
  expect(pieces).toEqual([' play', 'ing', ' to', ' play']);
  expect((await text.beamSearch(new Next(), [0], { ...options, beams: 1, stopTokens: [] }))[0]![0]!.text).toBe(pieces.join(''));
});
