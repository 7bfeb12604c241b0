import { describeValue } from '../describe-value.js';
import { ArgumentError, DivergenceError } from '../errors.js';
import { checkSeed } from '../data/seed.js';
import { EventLoopTurns } from '../event-loop.js';
import { Generator } from '../generator.js';
import type { AnyModule, Module } from '../nn/module.js';
import { checkCount } from '../ops/check.js';
import { uniform } from '../ops/index.js';
import { checkFlags, checkOptions } from '../options.js';
import type { Tensors } from '../records.js';
import { checkSignal, throwIfAborted } from '../train/signal.js';
import { checkSource, encoded, promptsFor, type EncoderDecoder } from './encoder-decoder.js';
import { NextLogits } from './next-logits.js';
import { checkStopTokens, contextOf, promptsOf, type Prompt } from './prompts.js';
import { checkSampling, sampleToken, type Sampling, type SamplingOptions } from './sampling.js';
import { StopText } from './stop-text.js';
import { TokenText } from './token-text.js';
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

/** Options of a model with encode() and decode(). */
export interface SourceOption<S extends Tensors = Tensors> {
  /** Batch of sources, which encode() is given, once; there is one text for each. */
  readonly source: S;
}

/** A generated token. */
export interface GeneratedToken {
  /** The number of the prompt. */
  readonly prompt: number;
  readonly token: number;
  /** Text behind that of the tokens before which is certain now; that of a character of several tokens, or of what may become a stop, comes with a later token. */
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

const KNOWN = ['source', 'tokenizer', 'maxTokens', 'stop', 'stopTokens', 'seed', 'context', 'cache', 'signal', 'temperature', 'topK', 'topP', 'minP', 'repetitionPenalty'];

interface Setup {
  readonly model: Module;
  readonly source: Tensors | undefined;
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
  readonly #text: TokenText | undefined;
  readonly #stop: StopText;
  count = 0;
  isDone = false;

  constructor(prompt: readonly number[], { tokenizer, stops }: Setup) {
    this.seen = new Set(prompt);
    this.#text = tokenizer && new TokenText(tokenizer, prompt);
    this.#stop = new StopText(stops);
  }

  add(prompt: number, token: number, { maxTokens, stopTokens }: Setup): GeneratedToken {
    this.seen.add(token);
    this.count++;
    const isStop = stopTokens.has(token);
    const { text, stopped } = isStop ? { text: '', stopped: true } : this.#stop.add(this.#text?.add(token) ?? '');
    const finished = stopped ? 'stop' : this.count === maxTokens ? 'length' : undefined;
    this.isDone = finished !== undefined;
    const rest = finished === 'length' || isStop ? this.#rest() : '';
    return { prompt, token, text: text + rest, finished };
  }

  #rest(): string {
    const last = this.#stop.add(this.#text?.end() ?? '');
    return last.text + (last.stopped ? '' : this.#stop.end());
  }
}

/** Turns of the event loop, which reading small logits does not give. Of all generations together, as one may follow the other. */
const turns = new EventLoopTurns();

async function* tokensOf(setup: Setup): AsyncGenerator<GeneratedToken, void, undefined> {
  const { model, source, prompts, sampling, signal } = setup;
  const decoder = source === undefined ? undefined : await encoded(OP, model, source, 1);
  const logits = new NextLogits(model, prompts, { ...setup, op: OP, decoder });
  const growing = prompts.map((prompt) => new Growing(prompt, setup));
  const draws = prompts.map((_, prompt) => new Draws(setup.seed, prompt));
  try {
    while (growing.some(({ isDone }) => !isDone)) {
      throwIfAborted(OP, signal);
      await turns.yieldToEventLoop();
      const { data, vocabulary } = await logits.next();
      const tokens: (number | undefined)[] = [];
      for (const [prompt, one] of growing.entries()) {
        const row = data.subarray(prompt * vocabulary, (prompt + 1) * vocabulary);
        if (row.includes(NaN)) throw new DivergenceError(`[${OP}] the logits of the model are not finite: got NaN, expected numbers. Look at its weights: training may have diverged.`, { value: 'NaN' }, { op: OP });
        const token = one.isDone ? undefined : sampleToken(row, one.seen, sampling, await draws[prompt]!.next());
        tokens.push(token);
        if (token !== undefined) yield one.add(prompt, token, setup);
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

function stopsOf(stop: GenerateOptions['stop'], tokenizer: Tokenizer | undefined): readonly string[] {
  const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
  if (!Array.isArray(stops) || !stops.every((one) => typeof one === 'string' && one !== '')) throw new ArgumentError(`[${OP}] stop: got ${describeValue(stop)}, expected a text that is not empty, or an array of them.`, { op: OP });
  for (const one of stops as readonly string[]) checkText(OP, one, 'stop');
  if (stops.length > 0 && tokenizer === undefined) throw new ArgumentError(`[${OP}] stop: got it without a tokenizer, expected one, as it is text that is looked for. Pass { tokenizer }, or stopTokens.`, { op: OP });
  return stops as readonly string[];
}

/**
 * Text that a model writes, token by token: a loop gets each as soon as it is there, and texts() all of them. The model gives logits [B, T, V] for tokens [B, T] int32, each from the tokens
 * up to its own. Several prompts are generated side by side; what one gets does not depend on the others but for roundings of the model. Prompts are padded to a power of two, and keys and values of
 * nn.multiheadAttention kept in buffers of the size of the context, so that no further token makes a plan. A text that outgrows the context goes on from the last half of it.
 * The model runs in evaluation mode, on the weights of the time; its training may go on meanwhile.
 * A model with encode(source) and decode(tokens, memory) writes a text for each example of `source`, from the token with which it was trained to begin; what the encoder gives, and the keys and values
 * that attention makes of it, are computed once. In Hugging Face's generate() the source is `inputs`, and the prompt `decoder_start_token_id`.
 * Throws here ArgumentError for prompts and options that are wrong, a prompt longer than the context among them, ShapeError for sources of several batches; in the loop IndexError for a token that the model does not have,
 * DivergenceError for logits that are NaN, AbortError.
 *
 *     const vocabulary = text.characters('to be or not to be');
 *     const model = nn.sequential([8], nn.embedding(vocabulary.size, 16), nn.learnedPositions(8, 16), nn.transformerEncoderLayer(16, 2, { isCausal: true }), nn.linear(16, vocabulary.size));
 *     for await (const token of text.generate(model, 'to b', { tokenizer: vocabulary, maxTokens: 10, topK: 3, seed: 1 })) console.log(token.text);
 */
export function generate(model: Module, prompts: Prompt | readonly Prompt[], options?: GenerateOptions): Generation;
export function generate<S extends Tensors, M extends Tensors>(model: EncoderDecoder<S, M>, prompts: Prompt | readonly Prompt[], options: GenerateOptions & SourceOption<NoInfer<S>>): Generation;
export function generate(given: AnyModule, prompts: Prompt | readonly Prompt[], options: GenerateOptions & Partial<SourceOption> = {}): Generation {
  const model = given as unknown as Module;
  checkOptions(OP, options, KNOWN);
  const sources = checkSource(OP, model, options.source);
  checkFlags(OP, options, ['cache']);
  checkSignal(OP, options.signal);
  const { source, tokenizer, maxTokens = 100, seed = 0, cache = true, signal } = options;
  if (tokenizer !== undefined) checkTokenizer(OP, tokenizer);
  checkCount(OP, 'maxTokens', maxTokens);
  checkSeed(OP, seed);
  const known = contextOf(model);
  const context = options.context ?? known?.context;
  if (context === undefined) throw new ArgumentError(`[${OP}] context: got none for a model without nn.learnedPositions, expected the most tokens that it is to see at a time, as in { context: 256 }.`, { op: OP });
  checkCount(OP, 'context', context);
  if (known !== undefined && context > known.context) throw new ArgumentError(`[${OP}] context: got ${context}, expected at most ${known.context}, which is that of the model.`, { op: OP });
  const stopTokens = checkStopTokens(OP, options.stopTokens, tokenizer);
  return new Generation({
    model, source, tokenizer, maxTokens, stopTokens, seed, context, cache, signal,
    prompts: promptsFor(OP, promptsOf(OP, prompts, tokenizer, context), sources),
    stops: stopsOf(options.stop, tokenizer),
    isFixed: known?.isFixed ?? false,
    sampling: checkSampling(OP, options),
  });
}
