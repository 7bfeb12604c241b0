import { createHash } from 'node:crypto';
import { dictionary } from 'cmu-pronouncing-dictionary';
import { data, text } from 'anneal';

/** A word and its pronunciations, each of which differs from the others. */
export interface Entry {
  readonly word: string;
  readonly pronunciations: readonly Int32Array[];
}

/** Letters of a word. */
export const letters = text.characters("abcdefghijklmnopqrstuvwxyz'");

const SYMBOLS = 'AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH'.split(' ');
const numbers = new Map(SYMBOLS.map((symbol, i) => [symbol, i]));

/** The 39 phonemes, and a token that stands in front of the first and behind the last. */
export const phonemes = {
  size: SYMBOLS.length + 1,
  endOfText: SYMBOLS.length,
  encode: (pronunciation: string): Int32Array => Int32Array.from(pronunciation.split(' '), (symbol) => numbers.get(symbol)!),
  decode: (tokens: ArrayLike<number>): string => Array.from(tokens, (token) => SYMBOLS[token] ?? '').join(' '),
} satisfies text.Tokenizer;

/** The most letters of a word, and phonemes of a pronunciation. */
export const LONGEST = 20;

/** The dictionary's words of letters and apostrophes, in its order. Stress is left out, as in the literature, and so are remarks. */
export function entries(): Entry[] {
  const found = new Map<string, Set<string>>();
  for (const [name, written] of Object.entries(dictionary)) {
    // A further pronunciation has its number behind the word, as in read(2).
    const word = name.replace(/\(\d+\)$/, '');
    const pronunciation = written.replace(/ *#.*$/, '').replace(/\d/g, '');
    if (!/^[a-z']+$/.test(word) || word.length > LONGEST || pronunciation.split(' ').length > LONGEST) continue;
    found.set(word, (found.get(word) ?? new Set()).add(pronunciation));
  }
  return [...found].map(([word, pronunciations]) => ({ word, pronunciations: [...pronunciations].map((one) => phonemes.encode(one)) }));
}

/** Part of a word, by its hash, which another edition of the dictionary does not change: of 20 words one is to validate with, one to test with. */
export function partOf(word: string): 'training' | 'validation' | 'test' {
  const bucket = createHash('sha256').update(word).digest().readUInt32BE(0) % 20;
  return bucket === 0 ? 'test' : bucket === 1 ? 'validation' : 'training';
}

/** Pairs of a word and a pronunciation, which the decoder gets behind a token to begin with, and is to give in front of one that ends. */
export function pairs(of: readonly Entry[], name: string) {
  const all = of.flatMap(({ word, pronunciations }) => pronunciations.map((pronunciation) => ({ source: letters.encode(word), pronunciation })));
  return data.padded({
    x: { source: all.map(({ source }) => source), target: all.map(({ pronunciation }) => Int32Array.of(phonemes.endOfText, ...pronunciation)) },
    shape: { source: [null], target: [null] },
    y: all.map(({ pronunciation }) => Int32Array.of(...pronunciation, phonemes.endOfText)),
    targetShape: [null],
    buckets: [6, 8, 10, 12, LONGEST + 1],
    name,
  });
}
