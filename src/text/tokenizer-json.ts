import type * as Fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError, FileFormatError, IndexError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { lazyRequire } from '../lazy-require.js';
import { murmurHash } from '../murmur-hash.js';
import { checkFlags, checkOptions } from '../options.js';
import { tokenizersLibrary } from './tokenizers-library.js';
import { checkText, checkTokens, type Tokenizer } from './tokenizer.js';

const OP = 'text.fromTokenizerJson';
const fs = lazyRequire<typeof Fs>('node:fs/promises');
const MODELS = ['BPE', 'WordPiece', 'Unigram'];

export interface TokenizerJsonOptions {
  /** Token that stands behind the end of a text, by its name, as in '<|endoftext|>'. Default: the `eos_token` of tokenizer_config.json beside the file, where it is there. */
  readonly endOfText?: string | undefined;
  /** True: encode() puts special tokens around a text, as the file says, such as [CLS] and [SEP]. Default false. */
  readonly addSpecialTokens?: boolean | undefined;
}

/** Parts of a tokenizer.json that are looked at here. */
interface TokenizerFile {
  readonly model: { readonly type?: unknown; readonly vocab: unknown; readonly merges?: unknown };
  readonly added_tokens?: readonly { readonly id: number; readonly content: unknown; readonly rstrip?: unknown }[];
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: { readonly type?: unknown; readonly add_prefix_space?: unknown; readonly use_regex?: unknown } | null;
}

/** Tokenizer of that library, as far as it is used here. */
interface Encoder {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(tokens: number[], options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean }): string;
  get_vocab(withAdded: boolean): ReadonlyMap<string, number>;
  token_to_id(token: string): number | undefined;
}

const isToken = (value: unknown, size: number): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) < size;
/** Tokens are int32. */
const MOST_TOKENS = 2 ** 31;

/** Tokens of a tokenizer.json. See fromTokenizerJson(). */
export class TokenizerJson implements Tokenizer {
  readonly size: number;
  readonly endOfText: number | undefined;
  readonly boundaries: 'spaces' | 'documents';
  readonly #tokenizer: Encoder;
  readonly #addSpecialTokens: boolean;

  constructor(tokenizer: Encoder, setup: { readonly endOfText: number | undefined; readonly boundaries: 'spaces' | 'documents'; readonly addSpecialTokens: boolean }) {
    this.#tokenizer = tokenizer;
    this.#addSpecialTokens = setup.addSpecialTokens;
    this.endOfText = setup.endOfText;
    this.boundaries = setup.boundaries;
    let last = -1;
    for (const token of tokenizer.get_vocab(true).values()) last = Math.max(last, token);
    this.size = last + 1;
  }

  /** A description, by which tokenizers of other tokens can be told apart. */
  toJSON(): object {
    const { size, endOfText = null, boundaries } = this;
    const tokens = [...this.#tokenizer.get_vocab(true)].sort(([, a], [, b]) => a - b);
    return { size, endOfText, boundaries, addSpecialTokens: this.#addSpecialTokens, hash: murmurHash(JSON.stringify(tokens)) };
  }

  /** Returns the tokens of a text. Throws DataError for one with what the file has no token for, nor one for what is unknown, and for half of a surrogate pair. */
  encode(text: string): Int32Array {
    checkText('encode', text);
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: this.#addSpecialTokens });
    const wrong = ids.findIndex((token) => !isToken(token, this.size));
    if (wrong < 0) return Int32Array.from(ids);
    const before = this.decode(ids.slice(0, wrong));
    throw new DataError(`[encode] the tokenizer has no token for what stands behind ${JSON.stringify(before.slice(-20))}, nor one for what is unknown: got ${describeValue(ids[wrong])} at position ${wrong}, expected an integer in [0, ${this.size}). Leave it out of the text, or take a tokenizer that has it.`, { op: 'encode' });
  }

  /** Returns the text of tokens, without special ones. Throws ArgumentError for what is no array, IndexError, naming the position, for one that there is not. */
  decode(tokens: ArrayLike<number>): string {
    checkTokens('decode', tokens);
    const given = Array.from(tokens);
    const wrong = given.findIndex((token) => !isToken(token, this.size));
    if (wrong >= 0) throw new IndexError(`[decode] token out of range at position ${wrong}: got ${given[wrong]}, expected an integer in [0, ${this.size}). Take tokens of the model that the tokenizer was made for.`, { index: wrong, value: given[wrong]!, limit: this.size }, { op: 'decode' });
    return given.length === 0 ? '' : this.#tokenizer.decode(given, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }
}

/** A JSON object from a file; undefined where `optional` allows that it is not there. */
async function readJson(path: string, optional = false): Promise<object | undefined> {
  const bytes = await fs().readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (optional && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  try {
    const given: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof given === 'object' && given !== null) return given;
  } catch (cause) {
    throw new FileFormatError(`[${OP}] ${path} is no JSON: ${(cause as Error).message}. Download it again.`, { op: OP, cause });
  }
  throw new FileFormatError(`[${OP}] ${path} holds no JSON object, expected a tokenizer.json of Hugging Face.`, { op: OP });
}

function checkFile(file: object, name: string): TokenizerFile {
  const { model } = file as Partial<TokenizerFile>;
  if (typeof model !== 'object' || model === null || typeof model.vocab !== 'object' || model.vocab === null) throw new FileFormatError(`[${OP}] ${name} holds no tokenizer: got ${describeValue(model)} as its model, expected a vocabulary. Take the file tokenizer.json, not tokenizer_config.json.`, { op: OP });
  const type = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : model.merges === undefined ? 'WordPiece' : 'BPE');
  if (!MODELS.includes(type as string)) throw new FileFormatError(`[${OP}] ${name} holds a tokenizer of unknown kind: got ${describeValue(type)}, expected one of ${MODELS.join(', ')}.`, { op: OP });
  const { added_tokens: added } = file as { readonly added_tokens?: unknown };
  const numbers = [...(Array.isArray(model.vocab) ? [] : Object.entries(model.vocab)), ...(Array.isArray(added) ? added.map((one) => [one?.content, one?.id]) : [])];
  const wrong = numbers.find(([, token]) => !isToken(token, MOST_TOKENS));
  if (wrong !== undefined) throw new FileFormatError(`[${OP}] ${name} holds a broken vocabulary: got ${describeValue(wrong[1])} as the token of ${describeValue(wrong[0])}, expected an integer in [0, 2^31). Download it again.`, { op: OP });
  return file as TokenizerFile;
}

/** Place at which text may be cut: GPT-2's rule takes a space to the word behind it, and nothing else across, unless there are added tokens with spaces within or behind them. */
function boundariesOf({ normalizer, pre_tokenizer: split, added_tokens: added = [] }: TokenizerFile): 'spaces' | 'documents' {
  const isGpt2 = split?.type === 'ByteLevel' && split.add_prefix_space === false && split.use_regex !== false;
  const isCut = added.some(({ content, rstrip }) => rstrip === true || /\S\s/.test(String(content)));
  return isGpt2 && !isCut && (normalizer === null || normalizer === undefined) ? 'spaces' : 'documents';
}

/**
 * A tokenizer from a tokenizer.json of Hugging Face: BPE, WordPiece or Unigram, as the library @huggingface/tokenizers reads them, which you install beside anneal: `npm install @huggingface/tokenizers`.
 * Throws FileFormatError for what is no such file or of an unknown kind, AnnealError (ANNEAL_OPTIONAL_MISSING) where the library is not installed, and Node.js's own error for a file that cannot be read.
 *
 *     await writeFile('tokenizer.json', JSON.stringify({ version: '1.0', added_tokens: [], model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] } }));
 *     const tokenizer = await text.fromTokenizerJson('tokenizer.json');
 *     console.log(tokenizer.size, tokenizer.encode('abb'));      // 3 Int32Array [2, 1]
 */
export async function fromTokenizerJson(path: FilePath, options: TokenizerJsonOptions = {}): Promise<TokenizerJson> {
  checkOptions(OP, options, ['endOfText', 'addSpecialTokens']);
  checkFlags(OP, options, ['addSpecialTokens']);
  const name = shownPath(checkPath(OP, path));
  const file = checkFile((await readJson(name))!, name);
  const config = ((await readJson(join(dirname(name), 'tokenizer_config.json'), true)) ?? {}) as { readonly eos_token?: string | { readonly content?: string } | null };
  const { Tokenizer } = tokenizersLibrary();
  let tokenizer: Encoder;
  try {
    tokenizer = new Tokenizer({ added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...file }, config);
  } catch (cause) {
    throw new FileFormatError(`[${OP}] ${name} cannot be used: @huggingface/tokenizers reports '${(cause as Error).message}'.`, { op: OP, cause });
  }
  const configured = typeof config.eos_token === 'string' ? config.eos_token : config.eos_token?.content;
  const ending = options.endOfText ?? configured;
  const endOfText = ending === undefined ? undefined : tokenizer.token_to_id(ending);
  if (options.endOfText !== undefined && endOfText === undefined) throw new ArgumentError(`[${OP}] endOfText: got ${describeValue(options.endOfText)}, which is no token of ${name}.`, { op: OP });
  const { addSpecialTokens = false } = options;
  // Special tokens go around a text as a whole.
  return new TokenizerJson(tokenizer, { endOfText, boundaries: addSpecialTokens ? 'documents' : boundariesOf(file), addSpecialTokens });
}
