import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError, DataError, FileFormatError, IndexError } from '../errors.js';
import { checkCount } from '../ops/check.js';
import { checkChoice, checkFlags, checkOptions } from '../options.js';
import { checkText, checkTokens, type Tokenizer } from './tokenizer.js';

/** Treatment of what a vocabulary does not have: its UTF-8 bytes are 256 further tokens, one further token stands for it, or it is an error. */
export type Fallback = 'bytes' | 'unknown' | 'error';

export interface VocabularyOptions {
  /** Treatment of characters or words that the corpus does not have. Default 'error' of characters, 'bytes' of words. */
  readonly fallback?: Fallback | undefined;
  /** True: a further token, `endOfText`, which no text has and which decode() leaves out. Default false. */
  readonly endOfText?: boolean | undefined;
}

export interface WordOptions extends VocabularyOptions {
  /** The most words, of which the most frequent are taken. Default: all. */
  readonly maxWords?: number | undefined;
  /** Times that a word has to come up. Default 1. */
  readonly minCount?: number | undefined;
}

/** A vocabulary as JSON has it. */
export interface VocabularyJson {
  readonly type: 'anneal.vocabulary';
  readonly kind: 'characters' | 'words' | 'bytes';
  readonly entries: readonly string[];
  readonly fallback: Fallback;
  readonly endOfText: boolean;
}

const KINDS = ['characters', 'words', 'bytes'] as const;
const FALLBACKS: readonly Fallback[] = ['bytes', 'unknown', 'error'];
const NO_TEXT = '';
/** Text of the token that stands for what is unknown. */
const REPLACEMENT = '\uFFFD';

/** A word with its marks and apostrophes, a number, a run of spaces, or a character by itself: together they are the text. */
const WORDS = /\p{L}[\p{L}\p{M}]*(?:['’]\p{L}[\p{L}\p{M}]*)*|\p{N}+|\s+|[^]/gu;

/** Tokens of characters, words or bytes. See characters(), words() and bytes(). */
export class Vocabulary implements Tokenizer {
  readonly kind: VocabularyJson['kind'];
  /** Texts of the tokens, from token 0 on; behind them come those of bytes or of the unknown, then the end of text. */
  readonly entries: readonly string[];
  readonly fallback: Fallback;
  readonly endOfText: number | undefined;
  readonly size: number;
  readonly #tokens: ReadonlyMap<string, number>;

  constructor({ kind, entries, fallback, endOfText }: Omit<VocabularyJson, 'type'>) {
    this.kind = kind;
    this.entries = [...entries];
    this.fallback = fallback;
    this.#tokens = new Map(entries.map((entry, token) => [entry, token]));
    const known = entries.length + (fallback === 'bytes' ? 256 : fallback === 'unknown' ? 1 : 0);
    this.endOfText = endOfText ? known : undefined;
    this.size = known + (endOfText ? 1 : 0);
  }

  get boundaries(): 'anywhere' | 'spaces' {
    return this.kind === 'words' ? 'spaces' : 'anywhere';
  }

  /** Returns the tokens of a text. Throws DataError, naming character and position, for one that it does not have, unless there is a fallback, and for half of a surrogate pair. */
  encode(text: string): Int32Array {
    checkText('encode', text);
    if (this.kind === 'bytes') return Int32Array.from(new TextEncoder().encode(text));
    const tokens: number[] = [];
    let at = 0;
    for (const part of this.kind === 'characters' ? text : text.match(WORDS) ?? []) {
      const token = this.#tokens.get(part);
      if (token !== undefined) tokens.push(token);
      else this.#fallBack(part, at, tokens);
      at += part.length;
    }
    return Int32Array.from(tokens);
  }

  /** Returns the text of tokens; bytes that are no UTF-8 become U+FFFD. Throws ArgumentError for what is no array, IndexError, naming the position, for one that there is not. */
  decode(tokens: ArrayLike<number>): string {
    checkTokens('decode', tokens);
    const parts: string[] = [];
    let bytes: number[] = [];
    const flush = (): void => {
      if (bytes.length > 0) parts.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)));
      bytes = [];
    };
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      const byte = this.fallback === 'bytes' && token !== this.endOfText ? token - this.entries.length : -1;
      if (!(Number.isInteger(token) && token >= 0 && token < this.size)) {
        throw new IndexError(`[decode] token out of range at position ${i}: got ${token}, expected an integer in [0, ${this.size}). Take tokens of the model that the vocabulary was made for.`, { index: i, value: token, limit: this.size }, { op: 'decode' });
      }
      if (byte >= 0) bytes.push(byte);
      else {
        flush();
        parts.push(token === this.endOfText ? NO_TEXT : (this.entries[token] ?? REPLACEMENT));
      }
    }
    flush();
    return parts.join('');
  }

  /** Returns what fromJSON() takes: entries and options. */
  toJSON(): VocabularyJson {
    return { type: 'anneal.vocabulary', kind: this.kind, entries: this.entries, fallback: this.fallback, endOfText: this.endOfText !== undefined };
  }

  #fallBack(part: string, at: number, tokens: number[]): void {
    if (this.fallback === 'bytes') for (const byte of new TextEncoder().encode(part)) tokens.push(this.entries.length + byte);
    else if (this.fallback === 'unknown') tokens.push(this.entries.length);
    else {
      const what = this.kind === 'words' ? 'word' : 'character';
      throw new DataError(`[encode] the vocabulary has no ${what} for what stands at position ${at}: got ${JSON.stringify(part)}, expected one of its ${this.entries.length}. Make it of a corpus that has it, or with { fallback: 'bytes' }.`, { op: 'encode' });
    }
  }
}

/** Texts to learn from: one, or some. */
export type Corpus = string | Iterable<string>;

function textsOf(op: string, corpus: Corpus): Iterable<string> {
  if (typeof corpus === 'string') return [corpus];
  if (typeof corpus === 'object' && corpus !== null && Symbol.iterator in corpus && !ArrayBuffer.isView(corpus)) return corpus;
  throw new ArgumentError(`[${op}] corpus: got ${describeValue(corpus)}, expected a text, or an iterable of texts.`, { op });
}

function optionsOf(op: string, options: VocabularyOptions, fallback: Fallback, more: readonly string[] = []) {
  checkOptions(op, options, ['fallback', 'endOfText', ...more]);
  checkFlags(op, options, ['endOfText']);
  checkChoice(op, 'fallback', options.fallback ?? fallback, FALLBACKS);
  return { fallback: options.fallback ?? fallback, endOfText: options.endOfText ?? false };
}

function some(op: string, entries: readonly string[]): readonly string[] {
  if (entries.length > 0) return entries;
  throw new DataError(`[${op}] the corpus is empty: got no characters, expected some. Pass the text itself, not its path.`, { op });
}

/**
 * Vocabulary of the characters (code points) of a corpus, in their order: token 0 is the least. Saved with a model as JSON, see fromJSON().
 * Throws ArgumentError for what are no texts, DataError for an empty corpus and half of a surrogate pair.
 *
 *     const vocabulary = text.characters('to be or not to be');
 *     console.log(vocabulary.size, vocabulary.decode(vocabulary.encode('not')));      // 7 not
 */
export function characters(corpus: Corpus, options: VocabularyOptions = {}): Vocabulary {
  const op = 'text.characters';
  const chosen = optionsOf(op, options, 'error');
  const found = new Set<string>();
  for (const one of textsOf(op, corpus)) {
    checkText(op, one);
    for (const character of one) found.add(character);
  }
  return new Vocabulary({ kind: 'characters', entries: some(op, [...found].toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)), ...chosen });
}

/**
 * Vocabulary of the words of a corpus, the most frequent first: letters with their apostrophes, numbers, runs of spaces, and other characters one by one, so that decode() gives the text again.
 * Throws ArgumentError for what are no texts, DataError for an empty corpus and half of a surrogate pair.
 *
 *     const vocabulary = text.words(['to be or not to be'], { minCount: 2 });
 *     console.log(vocabulary.entries);      // [' ', 'be', 'to']
 */
export function words(corpus: Corpus, options: WordOptions = {}): Vocabulary {
  const op = 'text.words';
  const chosen = optionsOf(op, options, 'bytes', ['maxWords', 'minCount']);
  const { maxWords = Infinity, minCount = 1 } = options;
  if (maxWords !== Infinity) checkCount(op, 'maxWords', maxWords);
  checkCount(op, 'minCount', minCount);
  const counts = new Map<string, number>();
  for (const one of textsOf(op, corpus)) {
    checkText(op, one);
    for (const [word] of one.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  some(op, [...counts.keys()]);
  const frequent = [...counts].filter(([, count]) => count >= minCount).toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Vocabulary({ kind: 'words', entries: frequent.slice(0, maxWords).map(([word]) => word), ...chosen });
}

/**
 * Vocabulary of the 256 bytes of UTF-8, which every text has.
 *
 *     console.log(text.bytes().encode('é'));      // Int32Array [195, 169]
 */
export function bytes(options: Pick<VocabularyOptions, 'endOfText'> = {}): Vocabulary {
  checkOptions('text.bytes', options, ['endOfText']);
  checkFlags('text.bytes', options, ['endOfText']);
  return new Vocabulary({ kind: 'bytes', entries: [], fallback: 'bytes', endOfText: options.endOfText ?? false });
}

/**
 * A vocabulary from its JSON, as text or parsed: what a model's file keeps of it.
 * Throws FileFormatError for anything else.
 *
 *     const vocabulary = text.characters('to be or not to be');
 *     await save(nn.sequential([4], nn.embedding(vocabulary.size, 8)), 'poet.safetensors', { metadata: { vocabulary: JSON.stringify(vocabulary) } });
 *     const same = text.fromJSON((await loadMetadata('poet.safetensors'))['vocabulary']!);
 */
export function fromJSON(json: string | VocabularyJson): Vocabulary {
  const op = 'text.fromJSON';
  const fail = (what: string, cause?: unknown): FileFormatError => new FileFormatError(`[${op}] ${what}, expected what JSON.stringify(vocabulary) gave.`, { op, cause });
  let given: unknown = json;
  try {
    if (typeof json === 'string') given = JSON.parse(json);
  } catch (cause) {
    throw fail(`the text is no JSON: got ${describeValue(json)}`, cause);
  }
  if (typeof given !== 'object' || given === null || (given as Partial<VocabularyJson>).type !== 'anneal.vocabulary') throw fail(`this is no vocabulary: got ${describeValue(given)}`);
  const { kind, entries, fallback, endOfText } = given as { readonly [K in keyof VocabularyJson]: unknown };
  if (!KINDS.includes(kind as 'bytes')) throw fail(`the kind is unknown: got ${describeValue(kind)}`);
  if (!FALLBACKS.includes(fallback as Fallback)) throw fail(`the fallback is unknown: got ${describeValue(fallback)}`);
  if (typeof endOfText !== 'boolean') throw fail(`endOfText: got ${describeValue(endOfText)}`);
  if (!Array.isArray(entries) || !entries.every((entry) => typeof entry === 'string' && entry !== '')) throw fail(`entries: got ${Array.isArray(entries) ? describeList(entries) : describeValue(entries)}`);
  if (new Set(entries).size !== entries.length) throw fail(`entries: got ${entries.length} of which ${new Set(entries).size} differ`);
  const odd = (entries as string[]).find((entry) => kind === 'bytes' || (kind === 'characters' && entry.length > String.fromCodePoint(entry.codePointAt(0)!).length) || /\p{Surrogate}/u.test(entry));
  if (odd !== undefined) throw fail(`entries: got ${JSON.stringify(odd)}, which encode() gives for no text`);
  if (kind === 'bytes' && fallback !== 'bytes') throw fail(`the fallback of bytes: got ${describeValue(fallback)}`);
  return new Vocabulary({ kind: kind as VocabularyJson['kind'], entries: entries as string[], fallback: fallback as Fallback, endOfText });
}
