// Groups of near-duplicates: the pairs that comparing all with all finds, joined.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { text } from 'anneal';

/** Sequences of n words, as sets of texts; of a shorter text the whole. */
function sequences(one: string, n: number): Set<string> {
  const words = one.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
  return new Set(words.length < n ? [words.join(' ')] : words.slice(n - 1).map((_, i) => words.slice(i, i + n).join(' ')));
}

/** The same by comparing all with all. */
function compared(texts: readonly string[], similarity: number, n: number): number[] {
  const sets = texts.map((one) => sequences(one, n));
  const near = (i: number, k: number): boolean => {
    const common = [...sets[i]!].filter((one) => sets[k]!.has(one)).length;
    return common / (sets[i]!.size + sets[k]!.size - common) >= similarity;
  };
  const groups: number[] = [];
  const visit = (i: number, group: number): void => {
    if (groups[i] !== undefined) return;
    groups[i] = group;
    texts.forEach((_, k) => near(i, k) && visit(k, group));
  };
  let count = 0;
  for (let i = 0; i < texts.length; i++) if (groups[i] === undefined) visit(i, count++);
  return groups;
}

describe('nearDuplicates', () => {
  test('misses no pair, and joins no other', () => {
    // Few words, so that there are many that are similar, and sets of all sizes.
    const one = fc.array(fc.constantFrom('aa', 'bb', 'cc', 'dd', 'ee', 'Aa', '--'), { maxLength: 14 }).map((words) => words.join(' '));
    const similarity = fc.constantFrom(0.1, 0.3, 1 / 3, 0.5, 0.6, 2 / 3, 0.8, 0.9, 1);
    fc.assert(fc.property(fc.array(one, { maxLength: 25 }), similarity, fc.integer({ min: 1, max: 4 }), (texts, least, words) => {
      expect([...text.nearDuplicates(texts, { similarity: least, words })]).toEqual(compared(texts, least, words));
    }), { numRuns: 1500, seed: 1 });
  });

  test('is exact at the bound', () => {
    // 2 of 4 sequences in common.
    const texts = ['aa bb cc', 'bb cc dd ee'];
    expect([...text.nearDuplicates(texts, { words: 1, similarity: 0.4 })]).toEqual([0, 0]);
    expect([...text.nearDuplicates(texts, { words: 1, similarity: 0.41 })]).toEqual([0, 1]);
    // 0.55 * 100 is 55.00000000000001.
    const hundred = Array.from({ length: 100 }, (_, i) => `word${i}`);
    expect([...text.nearDuplicates([hundred.join(' '), hundred.slice(45).join(' ')], { words: 1, similarity: 0.55 })]).toEqual([0, 0]);
  });

  test('looks at the order of words, not at case, signs and spaces', () => {
    expect([...text.nearDuplicates(['You have won, Ann! Call us', 'you  have WON Ann\n-- call us', 'us call Ann won have you'])]).toEqual([0, 0, 1]);
  });

  test('joins by those between, in whatever order they come', () => {
    const chain = ['aa bb cc dd', 'zz', 'cc dd ee ff', 'bb cc dd ee'];
    expect([...text.nearDuplicates(chain, { words: 1, similarity: 0.6 })]).toEqual([0, 1, 0, 0]);
  });

  test('takes the whole of a short text, and texts without words for one', () => {
    expect([...text.nearDuplicates(['yes please', 'yes', 'Yes, please!', '', '?!', 'yes please now'])]).toEqual([0, 1, 0, 2, 2, 3]);
    expect(text.nearDuplicates([])).toEqual(new Int32Array());
  });

  test('of many copies is not of all pairs', () => {
    const copies = Array.from({ length: 20_000 }, () => 'the same words in each of many mails that somebody has sent');
    expect(new Set(text.nearDuplicates(copies)).size).toBe(1);
  });

  test.each<[unknown, object, string]>([
    [['a'], { similarity: 0 }, '[text.nearDuplicates] similarity: got 0, expected a number in (0, 1].'],
    [['a'], { similarity: 80 }, '[text.nearDuplicates] similarity: got 80, expected a number in (0, 1].'],
    [['a'], { words: 1.5 }, '[text.nearDuplicates] words: got 1.5, expected a whole number of at least 1.'],
    [['a'], { ngrams: 3 }, '[text.nearDuplicates] unknown option: got ngrams, expected one of similarity, words'],
    ['a text', {}, "[text.nearDuplicates] texts: got 'a text', expected an array of texts."],
    [['a', 7], {}, '[text.nearDuplicates] texts[1]: got 7, expected a string.'],
  ])('says what is wrong: %o, %o', (texts, options, message) => {
    expect(() => text.nearDuplicates(texts as string[], options as text.NearDuplicateOptions)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) as string, code: 'ngrams' in options ? 'ANNEAL_UNKNOWN_OPTION' : 'ANNEAL_INVALID_ARGUMENT' }) as Error);
  });
});
