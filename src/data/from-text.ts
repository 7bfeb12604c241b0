import type * as Fs from 'node:fs';
import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError, IndexError } from '../errors.js';
import { checkPath, shownPath } from '../io/check-path.js';
import type { FilePath } from '../io/path.js';
import { lazyRequire } from '../lazy-require.js';
import { checkCount } from '../ops/check.js';
import { checkFlags, checkOptions, checkRequired } from '../options.js';
import { checkText, checkTokenizer, type Tokenizer } from '../text/tokenizer.js';
import { mixBits, murmurHash } from '../murmur-hash.js';
import { documentsOf, lastBreak, type DocumentPart } from './documents.js';
import { nameOf } from './examples.js';
import { shuffledOrder, textOrder } from './order.js';
import { checkSeed } from './seed.js';
import { Stream } from './stream.js';
import { TokenWindows, type TokenWindow } from './token-windows.js';
import { wholeCharacters } from './utf8.js';

const OP = 'data.fromText';
const KNOWN = ['tokenizer', 'context', 'stride', 'separator', 'packing', 'shuffle', 'shuffleBuffer', 'shift', 'seed', 'name'];
const fs = lazyRequire<typeof Fs>('node:fs');
const PIECE = 1 << 16;

/** Text in pieces: strings, or bytes of UTF-8. */
export type TextPieces = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** A file, files, or a function that opens text anew for each epoch. */
export type TextSource = FilePath | readonly FilePath[] | ((epoch: number) => TextPieces);

export interface TextOptions<C extends number = number> {
  readonly tokenizer: Tokenizer;
  /** Tokens of a window. */
  readonly context: C;
  /** Distance of the beginnings of windows. Default: the context. */
  readonly stride?: number | undefined;
  /** Text between documents. Default: each file is one, and what a function opens. */
  readonly separator?: string | undefined;
  /** True: documents follow each other, each behind the endOfText of the one before, where the tokenizer has one, and windows run across; the last tokens that fill no window are left out. False: windows begin with each document, and behind its end targets are -100. Default true. */
  readonly packing?: boolean | undefined;
  /** True: windows come in another order in each epoch, and so do files. Default false. */
  readonly shuffle?: boolean | undefined;
  /** Windows that are shuffled with each other; as many are in memory. Default 8192. */
  readonly shuffleBuffer?: number | undefined;
  /** True: windows begin elsewhere in each epoch, by 0 to stride - 1 tokens. Default false. */
  readonly shift?: boolean | undefined;
  /** Order and shift are functions of (seed, epoch). Default 0. */
  readonly seed?: number | undefined;
  /** Stands in messages. Default 'text'. */
  readonly name?: string | undefined;
}

/** The documents of a stream that belong to it: those whose number falls into a part of [0, 1). */
interface Part {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

interface Setup {
  readonly source: readonly (string | Uint8Array)[] | ((epoch: number) => TextPieces);
  readonly tokenizer: Tokenizer;
  readonly context: number;
  readonly stride: number;
  readonly separator: string | undefined;
  readonly packing: boolean;
  readonly buffer: number;
  readonly shift: boolean;
  readonly seed: number;
  readonly name: string;
  readonly parts: readonly Part[];
}

/** Windows of tokens. See fromText(). */
export class TextStream<C extends number = number> extends Stream<[C], [C], 'int32', 'int32'> {
  readonly #setup: Setup;
  /** Hash of the tokenizer's JSON, where it has one. */
  #vocabulary: number | null | undefined = undefined;

  constructor(setup: Setup) {
    const shape = [setup.context] as [C];
    const field = { name: undefined, shape, dtype: 'int32', label: false, normalize: undefined } as const;
    super(({ epoch }) => windowsOf(setup, epoch), {
      name: setup.name, shape, targetShape: shape, dtype: 'int32', targetDtype: 'int32', classes: undefined, batches: false, seekable: false, inputs: [{ ...field, what: 'x' }], targets: [{ ...field, what: 'y' }],
    });
    this.#setup = setup;
  }

  /** A description, with what windows and their order depend on: a checkpoint is taken by the same ones only. Files may have moved meanwhile. */
  override toJSON(): object {
    const { tokenizer, stride, separator = null, packing, buffer, shift, seed, parts } = this.#setup;
    return { ...super.toJSON(), tokens: tokenizer.size, vocabulary: (this.#vocabulary ??= hashOf(tokenizer)), endOfText: tokenizer.endOfText ?? null, stride, separator, packing, shuffleBuffer: buffer, shift, seed, parts };
  }

  /**
   * Two streams of this one's documents: each document belongs to the first with the probability `fraction`, by the seed and its number, so that both know it without reading the other's.
   * Throws ArgumentError for a fraction outside (0, 1), and for text that is one document; in the loop DataError where a part has no window.
   *
   *     const poems = data.fromText(() => ['To be, or not.\n\nAll the world.\n\nOnce more.'], { tokenizer: text.bytes(), context: 4, separator: '\n\n' });
   *     const [train, validation] = poems.split(0.7, { seed: 1 });
   */
  split(fraction: number, options: { /** Default 0. */ readonly seed?: number | undefined } = {}): [TextStream<C>, TextStream<C>] {
    if (!(typeof fraction === 'number' && fraction > 0 && fraction < 1)) throw new ArgumentError(`[split] fraction: got ${describeValue(fraction)}, expected a number in (0, 1), the share of the first part.`, { op: 'split' });
    checkOptions('split', options, ['seed']);
    const { seed = 0 } = options;
    checkSeed('split', seed);
    const { source, separator } = this.#setup;
    if (separator === undefined && (typeof source === 'function' || source.length === 1)) {
      throw new ArgumentError(`[split] stream '${this.name}' is one document: got no separator, expected several documents, each of which goes to one part. Pass data.fromText() a { separator }, such as '\\n\\n', or make a stream of the beginning of the text and one of its end.`, { op: 'split' });
    }
    const part = (from: number, to: number, name: string): TextStream<C> => new TextStream<C>({ ...this.#setup, name: `${this.name}, ${name} part`, parts: [...this.#setup.parts, { seed, from, to }] });
    return [part(0, fraction, 'first'), part(fraction, 1, 'second')];
  }
}

/** A number in [0, 1) for a document. */
function placeOf(document: number, seed: number): number {
  let hash = 0;
  for (const word of [document % 2 ** 32, Math.floor(document / 2 ** 32), seed % 2 ** 32, Math.floor(seed / 2 ** 32)]) {
    hash = mixBits(((hash ^ word) + 0x9e3779b9) | 0);
  }
  return hash / 2 ** 32;
}

const belongs = (document: number, parts: readonly Part[]): boolean => parts.every(({ seed, from, to }, depth) => {
  const place = placeOf(document, seed + depth);
  return place >= from && place < to;
});

/** Windows of one epoch, in their order. */
async function* windowsOf(setup: Setup, epoch: number): AsyncGenerator<TokenWindow, void, undefined> {
  const { buffer, seed, name, context, parts } = setup;
  let count = 0;
  let block = 0;
  let held: TokenWindow[] = [];
  const take = function* (): Generator<TokenWindow, void, undefined> {
    const order = textOrder(held.length, seed, epoch, block++);
    const windows = held;
    held = [];
    for (const i of order) yield windows[i]!;
  };
  for await (const window of inOrder(setup, epoch)) {
    count++;
    if (buffer === 0) yield window;
    else if (held.push(window) === buffer) yield* take();
  }
  yield* take();
  if (count > 0) return;
  const advice = parts.length > 0 ? 'Split otherwise, or into parts of more documents: { separator }.' : 'Take more text, or a smaller context.';
  throw new DataError(`[${OP}] stream '${name}' has no window: got fewer than ${context + 1} tokens${parts.length > 0 ? ' in its documents' : ''}, expected at least that many. ${advice}`, { op: OP });
}

async function* inOrder(setup: Setup, epoch: number): AsyncGenerator<TokenWindow, void, undefined> {
  const { tokenizer, context, stride, packing, shift, seed } = setup;
  const first = shift ? Math.floor(placeOf(epoch, seed) * stride) : 0;
  const windows = new TokenWindows(context, stride, packing ? first : 0);
  for await (const { tokens, isLast } of tokensOf(setup, epoch)) {
    yield* windows.add(tokens);
    if (!isLast) continue;
    if (tokenizer.endOfText !== undefined) yield* windows.add([tokenizer.endOfText]);
    const rest = packing ? undefined : windows.rest(tokenizer.endOfText ?? 0);
    if (rest !== undefined) yield rest;
  }
}

/** Tokens of the documents that belong to the stream. */
async function* tokensOf(setup: Setup, epoch: number): AsyncGenerator<{ readonly tokens: ArrayLike<number>; readonly isLast: boolean }, void, undefined> {
  const boundaries = setup.tokenizer.boundaries ?? 'documents';
  let held = '';
  for await (const { document, text, isLast } of partsOf(setup, epoch)) {
    if (!belongs(document, setup.parts)) continue;
    held += text;
    const end = isLast || boundaries === 'anywhere' ? held.length : boundaries === 'spaces' ? lastBreak(held) : 0;
    if (end === 0 && !isLast) continue;
    const tokens = setup.tokenizer.encode(held.slice(0, end));
    checkTokens(setup, tokens);
    held = held.slice(end);
    yield { tokens, isLast };
  }
}

/** Throws IndexError for a token that a tokenizer says that it has not. */
function checkTokens({ tokenizer, name }: Setup, tokens: ArrayLike<number>): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (Number.isInteger(token) && token >= 0 && token < tokenizer.size) continue;
    throw new IndexError(`[${OP}] stream '${name}': the tokenizer gave the token ${token}, expected an integer in [0, ${tokenizer.size}), its size.`, { index: i, value: token, limit: tokenizer.size }, { op: OP });
  }
}

/** Parts of all documents, whose numbers do not depend on the order in which files are read. */
async function* partsOf({ source, separator, buffer, seed, name }: Setup, epoch: number): AsyncGenerator<DocumentPart, void, undefined> {
  if (typeof source === 'function') {
    const pieces: unknown = source(epoch);
    if (typeof pieces !== 'object' || pieces === null || !(Symbol.asyncIterator in pieces || Symbol.iterator in pieces)) {
      throw new DataError(`[${OP}] stream '${name}': its function gave ${describeValue(pieces)}, expected an iterable of strings or bytes, as in () => [text].`, { op: OP });
    }
    yield* documentsOf(wholeCharacters(OP, `stream '${name}'`, pieces as AsyncIterable<unknown>), separator, 0);
    return;
  }
  const order = buffer === 0 ? source.keys() : shuffledOrder(source.length, seed, epoch);
  for (const file of order) {
    const path = source[file] as ReturnType<typeof checkPath>;
    const opened = fs().createReadStream(path, { highWaterMark: PIECE });
    // More documents than one file has.
    yield* documentsOf(wholeCharacters(OP, shownPath(path), opened), separator, file * 2 ** 32);
  }
}

/** Hash of what a tokenizer says of itself: two of one size may have other tokens. */
function hashOf(tokenizer: Tokenizer): number | null {
  const { toJSON } = tokenizer as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? murmurHash(JSON.stringify(tokenizer)) : null;
}

function sourceOf(source: unknown): Setup['source'] {
  if (typeof source === 'function') return source as (epoch: number) => TextPieces;
  const paths: readonly unknown[] = Array.isArray(source) ? source : [source];
  if (paths.length === 0) throw new ArgumentError(`[${OP}] source: got no files, expected at least one.`, { op: OP });
  return paths.map((path) => {
    if (typeof path === 'string' && path.includes('\n')) throw new ArgumentError(`[${OP}] source: got ${describeValue(path)}, expected the path of a file. Pass text by a function: () => [text].`, { op: OP });
    return checkPath(OP, path as FilePath);
  });
}

/**
 * Text as windows of tokens, which are read while training: x [context] int32, and y [context] int32, the token behind each. Files are read as UTF-8, in pieces, so that they may be larger than
 * the memory; `source` is a path, several, or a function that opens text, as in () => [text] or () => fetched.body.
 * Throws here ArgumentError; in the loop FileFormatError, naming the byte, for what is no UTF-8, DataError for text that fills no window, and what the tokenizer and the source throw.
 *
 *     const vocabulary = text.characters('to be or not to be, that is the question');
 *     const stream = data.fromText(() => ['to be or not to be, ', 'that is the question'], { tokenizer: vocabulary, context: 8, shuffle: true });
 *     for await (const [x, y] of data.loader(stream, { batchSize: 2 })) console.log(x.shape, y.shape);      // [2, 8] [2, 8]
 */
export function fromText<const C extends number>(source: TextSource, options: TextOptions<C>): TextStream<C> {
  checkRequired(OP, options, KNOWN);
  checkFlags(OP, options, ['packing', 'shuffle', 'shift']);
  const { tokenizer, context, stride = context, separator, packing = true, shuffle = false, shuffleBuffer = 8192, shift = false, seed = 0 } = options;
  checkTokenizer(OP, tokenizer);
  checkCount(OP, 'context', context);
  checkCount(OP, 'stride', stride);
  checkCount(OP, 'shuffleBuffer', shuffleBuffer);
  checkSeed(OP, seed);
  if (separator !== undefined && (typeof separator !== 'string' || separator === '')) throw new ArgumentError(`[${OP}] separator: got ${describeValue(separator)}, expected a text that is not empty, such as '\\n\\n'.`, { op: OP });
  if (separator !== undefined) checkText(OP, separator, 'separator');
  if (shift && !packing) throw new ArgumentError(`[${OP}] shift: got it with packing: false, expected one of the two: windows begin with each document then.`, { op: OP });
  return new TextStream<C>({
    source: sourceOf(source), tokenizer, context, stride, separator, packing, buffer: shuffle ? shuffleBuffer : 0, shift, seed, name: nameOf(OP, options.name, 'text'), parts: [],
  });
}
