import { describeValue } from '../describe-value.js';
import { ArgumentError, DivergenceError } from '../errors.js';
import { checkSeed } from '../data/seed.js';
import { EventLoopTurns } from '../event-loop.js';
import { Generator } from '../generator.js';
import { Module } from '../nn/module.js';
import { LearnedPositions } from '../nn/positions.js';
import { Sequential } from '../nn/sequential.js';
import { checkCount } from '../ops/check.js';
import { uniform } from '../ops/index.js';
import { checkFlags, checkOptions } from '../options.js';
import { checkSignal, throwIfAborted } from '../train/signal.js';
import { NextLogits } from './next-logits.js';
import { checkSampling, sampleToken, type Sampling, type SamplingOptions } from './sampling.js';
import { StopText } from './stop-text.js';
import { checkText, checkTokenizer, type Tokenizer } from './tokenizer.js';

const OP = 'generate';

export interface GenerateOptions extends SamplingOptions {
  /** Turns prompts into tokens and tokens into text. Needed but for prompts of tokens, whose text is then left out. */
  readonly tokenizer?: Tokenizer | undefined;
  /** The most tokens that are generated for each prompt. Default 100. */
  readonly maxTokens?: number | undefined;
  /** Texts in front of which generation ends. Default: none. */
  readonly stop?: string | readonly string[] | undefined;
  /** Tokens at which generation ends. Default: the tokenizer's endOfText. */
  readonly stopTokens?: readonly number[] | undefined;
  /** Seed of what is drawn, which is a function of (seed, number of the prompt, number of the token). Default 0. */
  readonly seed?: number | undefined;
  /** The most tokens that the model sees at a time. Default: that of its nn.learnedPositions, or of its sequential(); else it has to be given. */
  readonly context?: number | undefined;
  /** Keys and values of earlier tokens are kept, so that each token costs one pass over itself only. Default true. */
  readonly cache?: boolean | undefined;
  /** Ends it with an AbortError. */
  readonly signal?: AbortSignal | undefined;
}

/** A text or tokens to begin with. */
export type Prompt = string | Int32Array | readonly number[];

/** A generated token. */
export interface GeneratedToken {
  /** The number of the prompt. */
  readonly prompt: number;
  readonly token: number;
  /** Text that is certain now; that of a character of several tokens, or of what may become a stop, comes with a later token. */
  readonly text: string;
  /** Reason why it is the last one; undefined of all others. */
  readonly finished: 'stop' | 'length' | undefined;
}

/** All that was generated for one prompt. */
export interface GeneratedText {
  readonly tokens: Int32Array;
  readonly text: string;
  readonly finished: 'stop' | 'length';
}

const KNOWN = ['tokenizer', 'maxTokens', 'stop', 'stopTokens', 'seed', 'context', 'cache', 'signal', 'temperature', 'topK', 'topP', 'minP', 'repetitionPenalty'];

interface Setup {
  readonly model: Module;
  readonly prompts: readonly (readonly number[])[];
  readonly tokenizer: Tokenizer | undefined;
  readonly maxTokens: number;
  readonly stops: readonly string[];
  readonly stopTokens: ReadonlySet<number>;
  readonly seed: number;
  readonly context: number;
  readonly isFixed: boolean;
  readonly cache: boolean;
  readonly sampling: Sampling;
  readonly signal: AbortSignal | undefined;
}

/** Generated tokens, one by one in a loop, or all of them by texts(). It generates as it is read, once. */
export class Generation implements AsyncIterable<GeneratedToken> {
  readonly #setup: Setup;
  #begun = false;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  [Symbol.asyncIterator](): AsyncIterator<GeneratedToken, void, undefined> {
    if (this.#begun) throw new ArgumentError(`[${OP}] it was read already, expected one loop, or one call of texts(). Call generate() again: the same seed gives the same.`, { op: OP });
    this.#begun = true;
    return tokensOf(this.#setup);
  }

  /** Returns what is generated for each prompt, in their order. */
  async texts(): Promise<GeneratedText[]> {
    const found = this.#setup.prompts.map(() => ({ tokens: [] as number[], text: '', finished: 'length' as GeneratedText['finished'] }));
    for await (const { prompt, token, text, finished } of this) {
      const one = found[prompt]!;
      one.tokens.push(token);
      one.text += text;
      one.finished = finished ?? one.finished;
    }
    return found.map((one) => ({ ...one, tokens: Int32Array.from(one.tokens) }));
  }

  /** Returns the text that is generated for a single prompt. */
  async text(): Promise<string> {
    if (this.#setup.prompts.length !== 1) throw new ArgumentError(`[${OP}] text(): got ${this.#setup.prompts.length} prompts, expected one. Call texts().`, { op: OP });
    return (await this.texts())[0]!.text;
  }
}

/** A text that is being generated. */
class Growing {
  readonly seen: Set<number>;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #stop: StopText;
  /** Tokens whose text ends within a character. */
  #pending: number[] = [];
  count = 0;
  isDone = false;

  constructor(prompt: readonly number[], { tokenizer, stops }: Setup) {
    this.seen = new Set(prompt);
    this.#tokenizer = tokenizer;
    this.#stop = new StopText(stops);
  }

  add(prompt: number, token: number, { maxTokens, stopTokens }: Setup): GeneratedToken {
    this.seen.add(token);
    this.count++;
    const isStop = stopTokens.has(token);
    const { text, stopped } = isStop ? { text: '', stopped: true } : this.#stop.add(this.#textOf(token));
    const finished = stopped ? 'stop' : this.count === maxTokens ? 'length' : undefined;
    this.isDone = finished !== undefined;
    const rest = finished === 'length' || isStop ? this.#rest() : '';
    return { prompt, token, text: text + rest, finished };
  }

  /** Text of whole characters. */
  #textOf(token: number): string {
    if (this.#tokenizer === undefined) return '';
    this.#pending.push(token);
    const text = this.#tokenizer.decode(this.#pending);
    // A character has up to four bytes, so more tokens than that wait for nothing.
    if (text.endsWith('\uFFFD') && this.#pending.length < 4) return '';
    this.#pending = [];
    return text;
  }

  #rest(): string {
    const last = this.#pending.length > 0 ? this.#stop.add(this.#tokenizer!.decode(this.#pending)) : { text: '', stopped: false };
    return last.text + (last.stopped ? '' : this.#stop.end());
  }
}

/** Turns of the event loop, which reading small logits does not give. Of all generations together, as one may follow the other. */
const turns = new EventLoopTurns();

async function* tokensOf(setup: Setup): AsyncGenerator<GeneratedToken, void, undefined> {
  const { model, prompts, sampling, signal } = setup;
  const logits = new NextLogits(model, prompts, setup);
  const growing = prompts.map((prompt) => new Growing(prompt, setup));
  const draws = prompts.map((_, prompt) => new Draws(setup.seed, prompt));
  try {
    while (growing.some(({ isDone }) => !isDone)) {
      throwIfAborted(OP, signal);
      await turns.yieldToEventLoop();
      const { data, vocabulary } = await logits.next();
      const tokens: number[] = [];
      for (const [prompt, one] of growing.entries()) {
        const row = data.subarray(prompt * vocabulary, (prompt + 1) * vocabulary);
        if (row.includes(NaN)) throw new DivergenceError(`[${OP}] the logits of the model are not finite: got NaN, expected numbers. Look at its weights: training may have diverged.`, { value: 'NaN' }, { op: OP });
        // A text that is done goes on beside the others, unseen.
        tokens.push(one.isDone ? 0 : sampleToken(row, one.seen, sampling, await draws[prompt]!.next()));
        if (!one.isDone) yield one.add(prompt, tokens.at(-1)!, setup);
      }
      logits.append(tokens);
    }
  } finally {
    logits.dispose();
  }
}

/** Numbers drawn at once. */
const BLOCK = 256;

/** Numbers in [0, 1) for one prompt. */
class Draws {
  readonly #generator: Generator;
  readonly #stream: string;
  #values: Float32Array = new Float32Array(0);
  #used = 0;

  constructor(seed: number, prompt: number) {
    this.#generator = new Generator({ seed, counters: {} });
    this.#stream = `generate ${prompt}`;
  }

  async next(): Promise<number> {
    if (this.#used === this.#values.length) {
      this.#values = await uniform([BLOCK], this.#generator.key(this.#stream)).data();
      this.#used = 0;
    }
    return this.#values[this.#used++]!;
  }
}

/** The context of a model, as far as its layers tell it; `isFixed` where it takes texts of no other length. */
function contextOf(model: Module): { readonly context: number; readonly isFixed: boolean } | undefined {
  if (model instanceof Sequential && model.input.length === 1) return { context: model.input[0]!, isFixed: true };
  const contexts = model.modules().flatMap((module) => (module instanceof LearnedPositions ? [module.context] : []));
  return contexts.length === 0 ? undefined : { context: Math.min(...contexts), isFixed: false };
}

function promptsOf(prompts: Prompt | readonly Prompt[], tokenizer: Tokenizer | undefined, context: number): number[][] {
  const isOne = typeof prompts === 'string' || ArrayBuffer.isView(prompts) || (Array.isArray(prompts) && prompts.length > 0 && prompts.every((one) => typeof one === 'number'));
  const all: readonly unknown[] = isOne ? [prompts] : Array.isArray(prompts) ? prompts : [];
  if (all.length === 0) throw new ArgumentError(`[${OP}] prompts: got ${Array.isArray(prompts) ? 'none' : describeValue(prompts)}, expected a text, tokens, or an array of them.`, { op: OP });
  return all.map((prompt, i) => {
    const name = isOne ? 'the prompt' : `prompt ${i}`;
    const tokens = tokensOfPrompt(prompt, tokenizer, name);
    if (tokens.length === 0) throw new ArgumentError(`[${OP}] ${name} is empty: got no tokens, expected at least one to begin with, such as that of a line break.`, { op: OP });
    if (tokens.length <= context) return tokens;
    throw new ArgumentError(`[${OP}] ${name} is longer than the context: got ${tokens.length} tokens, expected at most ${context}. Keep its end: tokens.slice(-${context}).`, { op: OP });
  });
}

function tokensOfPrompt(prompt: unknown, tokenizer: Tokenizer | undefined, name: string): number[] {
  if (typeof prompt === 'string') {
    if (tokenizer === undefined) throw new ArgumentError(`[${OP}] tokenizer: got none for ${name}, which is a text, expected one. Pass { tokenizer }, or tokens.`, { op: OP });
    checkText(OP, prompt, name);
    return Array.from(tokenizer.encode(prompt));
  }
  const tokens: readonly unknown[] = prompt instanceof Int32Array || Array.isArray(prompt) ? Array.from(prompt as ArrayLike<unknown>) : [undefined];
  const wrong = tokens.findIndex((token) => !(Number.isInteger(token) && (token as number) >= 0 && (token as number) < 2 ** 31));
  if (wrong < 0) return tokens as number[];
  const got = prompt instanceof Int32Array || Array.isArray(prompt) ? `${describeValue(tokens[wrong])} at position ${wrong}` : describeValue(prompt);
  throw new ArgumentError(`[${OP}] ${name}: got ${got}, expected a text or tokens, whole numbers of at least 0.`, { op: OP });
}

function stopsOf(stop: GenerateOptions['stop'], tokenizer: Tokenizer | undefined): readonly string[] {
  const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
  if (!Array.isArray(stops) || !stops.every((one) => typeof one === 'string' && one !== '')) throw new ArgumentError(`[${OP}] stop: got ${describeValue(stop)}, expected a text that is not empty, or an array of them.`, { op: OP });
  if (stops.length > 0 && tokenizer === undefined) throw new ArgumentError(`[${OP}] stop: got it without a tokenizer, expected one, as it is text that is looked for. Pass { tokenizer }, or stopTokens.`, { op: OP });
  return stops as readonly string[];
}

/**
 * Text that a model writes, token by token: a loop gets each as soon as it is there, and texts() all of them. The model gives logits [B, T, V] for tokens [B, T] int32, each from the tokens
 * up to its own. Several prompts are generated side by side; what one gets does not depend on the others but for roundings of the model. Prompts are padded to a power of two, and keys and values of
 * nn.multiheadAttention kept in buffers of the size of the context, so that no further token makes a plan. A text that outgrows the context goes on from the last half of it.
 * The model runs in evaluation mode, on the weights of the time; its training may go on meanwhile.
 * Throws here ArgumentError for prompts and options that are wrong, a prompt longer than the context among them; in the loop IndexError for a token that the model does not have,
 * DivergenceError for logits that are NaN, AbortError.
 *
 *     const vocabulary = text.characters('to be or not to be');
 *     const model = nn.sequential([8], nn.embedding(vocabulary.size, 16), nn.learnedPositions(8, 16), nn.transformerEncoderLayer(16, 2, { isCausal: true }), nn.linear(16, vocabulary.size));
 *     for await (const token of text.generate(model, 'to b', { tokenizer: vocabulary, maxTokens: 10, topK: 3, seed: 1 })) console.log(token.text);
 */
export function generate(model: Module, prompts: Prompt | readonly Prompt[], options: GenerateOptions = {}): Generation {
  if (!((model as unknown) instanceof Module)) throw new ArgumentError(`[${OP}] model: got ${describeValue(model)}, expected a module that gives logits [B,T,V] for tokens [B,T].`, { op: OP });
  checkOptions(OP, options, KNOWN);
  checkFlags(OP, options, ['cache']);
  checkSignal(OP, options.signal);
  const { tokenizer, maxTokens = 100, stopTokens, seed = 0, cache = true, signal } = options;
  if (tokenizer !== undefined) checkTokenizer(OP, tokenizer);
  checkCount(OP, 'maxTokens', maxTokens);
  checkSeed(OP, seed);
  const known = contextOf(model);
  const context = options.context ?? known?.context;
  if (context === undefined) throw new ArgumentError(`[${OP}] context: got none for a model without nn.learnedPositions, expected the most tokens that it is to see at a time, as in { context: 256 }.`, { op: OP });
  checkCount(OP, 'context', context);
  if (known !== undefined && context > known.context) throw new ArgumentError(`[${OP}] context: got ${context}, expected at most ${known.context}, which is that of the model.`, { op: OP });
  const ends = stopTokens ?? (tokenizer?.endOfText === undefined ? [] : [tokenizer.endOfText]);
  if (!Array.isArray(ends) || !ends.every((token) => Number.isInteger(token))) throw new ArgumentError(`[${OP}] stopTokens: got ${describeValue(stopTokens)}, expected an array of tokens.`, { op: OP });
  return new Generation({
    model, tokenizer, maxTokens, seed, context, cache, signal,
    prompts: promptsOf(prompts, tokenizer, context),
    stops: stopsOf(options.stop, tokenizer),
    stopTokens: new Set(ends as readonly number[]),
    isFixed: known?.isFixed ?? false,
    sampling: checkSampling(OP, options),
  });
}
