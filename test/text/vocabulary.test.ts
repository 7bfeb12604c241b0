// Vocabularies: tokens of texts and back, what they do not have, and their JSON.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadMetadata, nn, save, tensor, text } from 'anneal';

describe('characters', () => {
  test('are numbered in the order of their code points', () => {
    const vocabulary = text.characters('to be 😀é');
    expect(vocabulary.entries).toEqual([' ', 'b', 'e', 'o', 't', 'é', '😀']);
    expect([...vocabulary.encode('be😀')]).toEqual([1, 2, 6]);
    expect(vocabulary.decode([1, 2, 6])).toBe('be😀');
  });

  test('fall back on bytes, on a token for all others, or not', () => {
    const bytes = text.characters('abc', { fallback: 'bytes' });
    expect(bytes.size).toBe(3 + 256);
    expect([...bytes.encode('aé')]).toEqual([0, 3 + 0xc3, 3 + 0xa9]);
    expect(bytes.decode(bytes.encode('aé😀b'))).toBe('aé😀b');
    expect(bytes.decode([3 + 0xc3])).toBe('\uFFFD');
    const unknown = text.characters('abc', { fallback: 'unknown', endOfText: true });
    expect([unknown.size, unknown.endOfText, ...unknown.encode('axb')]).toEqual([5, 4, 0, 3, 1]);
    expect(unknown.decode([0, 3, 4, 1])).toBe('a\uFFFDb');
    expect(() => text.characters('abc').encode('ab\nd')).toThrow('[encode] the vocabulary has no character for what stands at position 2: got "\\n", expected one of its 3. Make it of a corpus that has it, or with { fallback: \'bytes\' }.');
  });
});

describe('words', () => {
  test('are the most frequent first, with the spaces between', () => {
    const vocabulary = text.words(["Don't stop, don't", ' stop 12!'], { minCount: 2 });
    expect(vocabulary.entries).toEqual([' ', 'stop']);
    expect(text.words('a b  b, été 12', { maxWords: 2 }).entries).toEqual([' ', 'b']);
    expect(text.words("l'été ne finit pas").entries).toContain("l'été");
  });

  test('give any text again', () => {
    const vocabulary = text.words('to be or not to be, that is');
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (one) => vocabulary.decode(vocabulary.encode(one)) === one), { numRuns: 200, seed: 1 });
  });
});

test('bytes give any text again', () => {
  const vocabulary = text.bytes({ endOfText: true });
  expect([vocabulary.size, vocabulary.endOfText]).toEqual([257, 256]);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (one) => /\p{Surrogate}/u.test(one) || vocabulary.decode(vocabulary.encode(one)) === one), { numRuns: 200, seed: 1 });
});

describe('JSON', () => {
  test('goes with a model', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vocabulary-'));
    const vocabulary = text.words('to be or not', { endOfText: true });
    await save(nn.embedding(vocabulary.size, 4), join(folder, 'a.safetensors'), { metadata: { vocabulary: JSON.stringify(vocabulary) } });
    const same = text.fromJSON((await loadMetadata(join(folder, 'a.safetensors')))['vocabulary']!);
    expect(same.toJSON()).toEqual(vocabulary.toJSON());
    expect([...same.encode('not to be é')]).toEqual([...vocabulary.encode('not to be é')]);
    rmSync(folder, { recursive: true });
  });

  const good = text.characters('ab').toJSON();
  test.each<[unknown, string]>([
    ['{', "[text.fromJSON] the text is no JSON: got '{', expected what JSON.stringify(vocabulary) gave."],
    [{}, '[text.fromJSON] this is no vocabulary: got'],
    [null, '[text.fromJSON] this is no vocabulary: got null'],
    [{ ...good, kind: 'bpe' }, "[text.fromJSON] the kind is unknown: got 'bpe'"],
    [{ ...good, fallback: 1 }, '[text.fromJSON] the fallback is unknown: got 1'],
    [{ ...good, endOfText: 1 }, '[text.fromJSON] endOfText: got 1'],
    [{ ...good, entries: ['a', 'a'] }, '[text.fromJSON] entries: got 2 of which 1 differ'],
    [{ ...good, entries: ['ab'] }, '[text.fromJSON] entries: got "ab", which encode() gives for no text, expected what JSON.stringify(vocabulary) gave.'],
    [{ ...good, entries: ['\ud83d'] }, '[text.fromJSON] entries: got "\\ud83d", which encode() gives for no text'],
    [{ ...good, kind: 'bytes', entries: ['a'], fallback: 'bytes' }, '[text.fromJSON] entries: got "a", which encode() gives for no text'],
    [{ ...good, kind: 'bytes', entries: [], fallback: 'error' }, "[text.fromJSON] the fallback of bytes: got 'error'"],
    [{ ...good, entries: ['a', 3] }, '[text.fromJSON] entries: got'],
  ])('%j is refused', (json, message) => expect(() => text.fromJSON(json as never)).toThrow(message));
});

describe('mistakes', () => {
  test.each<[() => unknown, string]>([
    [() => text.characters(''), '[text.characters] the corpus is empty: got no characters, expected some. Pass the text itself, not its path.'],
    [() => text.characters(3 as never), '[text.characters] corpus: got 3, expected a text, or an iterable of texts.'],
    [() => text.characters('a\udc00'), '[text.characters] the text is broken at position 1: got half of a surrogate pair (U+DC00), expected whole characters. Cut texts between characters, as Array.from(text) does.'],
    [() => text.words('a', { fallback: 'none' as never }), "[text.words] unknown fallback: got 'none', expected one of 'bytes', 'unknown', 'error'."],
    [() => text.words('a', { maxWords: 0 }), '[text.words] maxWords: got 0, expected a whole number of at least 1.'],
    [() => text.bytes().encode('a\ud800b'), '[encode] the text is broken at position 1: got half of a surrogate pair (U+D800), expected whole characters.'],
    [() => text.bytes().encode(3 as never), '[encode] the text: got 3, expected a string.'],
    [() => text.characters('ab').decode(tensor([0, 1], { dtype: 'int32' }) as never), '[decode] tokens: got a Tensor, expected an array of tokens. Read it first: await tensor.data().'],
    [() => text.characters('ab').decode('ab' as never), "[decode] tokens: got 'ab', expected an array of tokens."],
    [() => text.characters('ab').decode(1 as never), '[decode] tokens: got 1, expected an array of tokens.'],
    [() => text.characters('ab').decode([0, 2]), '[decode] token out of range at position 1: got 2, expected an integer in [0, 2). Take tokens of the model that the vocabulary was made for.'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});
