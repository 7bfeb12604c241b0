import { describeValue } from '../describe-value.js';
import { ArgumentError, DivergenceError } from '../errors.js';
import { EventLoopTurns } from '../event-loop.js';
import type { AnyModule, Module } from '../nn/module.js';
import { checkCount } from '../ops/check.js';
import { checkFlags, checkOptions } from '../options.js';
import type { Tensors } from '../records.js';
import { checkSignal, throwIfAborted } from '../train/signal.js';
import { Beams, type BeamRules, type ScoredCandidate } from './beams.js';
import { checkSource, encoded, promptsFor, type EncoderDecoder } from './encoder-decoder.js';
import type { GenerateOptions, SourceOption } from './generate.js';
import { NextLogits } from './next-logits.js';
import { checkStopTokens, contextOf, promptsOf, type Prompt } from './prompts.js';
import { textBehind } from './token-text.js';
import { checkTokenizer, type Tokenizer } from './tokenizer.js';

const OP = 'beamSearch';

export interface BeamSearchOptions extends Pick<GenerateOptions, 'tokenizer' | 'maxTokens' | 'cache' | 'signal'> {
  /** The number of candidates that are followed for each prompt. Default 4. */
  readonly beams?: number | undefined;
  /** Power of the length that log-probabilities are divided by: above 0 long results are better off than by their probability alone, below 0 short ones. Default 1. */
  readonly lengthPenalty?: number | undefined;
  /**
   * When to end, once as many candidates as beams have: true at once; false where the likeliest that goes on has a score below all of them by now; 'never' where none could come to a better score, however
   * long. Default false.
   */
  readonly earlyStopping?: boolean | 'never' | undefined;
  /** The number of results for each prompt, at most `beams`. Default 1. */
  readonly returnSequences?: number | undefined;
  /** Tokens at which a text ends. Default: the tokenizer's endOfText; an empty array: none, all results are of maxTokens. */
  readonly stopTokens?: readonly number[] | undefined;
}

/** A text that beam search found. */
export interface BeamResult {
  /** Tokens behind the prompt, that which ended it included. */
  readonly tokens: Int32Array;
  readonly text: string;
  /** logProbability / (number of tokens)^lengthPenalty. */
  readonly score: number;
  /** The logarithm of the probability that the model gives all of the tokens together. */
  readonly logProbability: number;
  readonly finished: 'stop' | 'length';
}

const KNOWN = ['source', 'tokenizer', 'maxTokens', 'stopTokens', 'cache', 'signal', 'beams', 'lengthPenalty', 'earlyStopping', 'returnSequences'];

interface Setup extends BeamRules {
  readonly model: Module;
  readonly source: Tensors | undefined;
  readonly prompts: readonly (readonly number[])[];
  readonly context: number;
  readonly isFixed: boolean;
  readonly tokenizer: Tokenizer | undefined;
  readonly returnSequences: number;
  readonly cache: boolean;
  readonly signal: AbortSignal | undefined;
}

const turns = new EventLoopTurns();

async function search(setup: Setup): Promise<BeamResult[][]> {
  const { model, source, prompts, beams, maxTokens, signal } = setup;
  const decoder = source === undefined ? undefined : await encoded(OP, model, source, beams);
  const rows = prompts.flatMap((prompt) => Array.from({ length: beams }, () => prompt));
  const logits = new NextLogits(model, rows, { ...setup, op: OP, decoder });
  const searches = prompts.map(() => new Beams(setup));
  try {
    for (let length = 1; ; length++) {
      throwIfAborted(OP, signal);
      await turns.yieldToEventLoop();
      const { data, vocabulary } = await logits.next();
      checkLogits(data);
      const size = beams * vocabulary;
      const steps = searches.flatMap((one, i) => one.advance(data.subarray(i * size, (i + 1) * size), vocabulary).map(({ row, token }) => ({ row: i * beams + row, token })));
      if (length === maxTokens || searches.every(({ isDone }) => isDone)) break;
      logits.reorder(Int32Array.from(steps, ({ row }) => row), steps.map(({ token }) => token));
    }
  } finally {
    logits.dispose();
  }
  return searches.map((one, i) => one.best(setup.returnSequences).map((found) => resultOf(found, prompts[i]!, setup.tokenizer)));
}

/** Throws DivergenceError for what has no probability. A logit of -Infinity has one: 0. */
function checkLogits(logits: Float32Array): void {
  const wrong = ([NaN, Infinity] as const).find((value) => logits.includes(value));
  if (wrong === undefined) return;
  throw new DivergenceError(`[${OP}] the logits of the model are not finite: got ${wrong}, expected numbers. Look at its weights: training may have diverged.`, { value: String(wrong) as 'NaN' | 'Infinity' }, { op: OP });
}

function resultOf({ tokens, score, logProbability, finished }: ScoredCandidate, prompt: readonly number[], tokenizer: Tokenizer | undefined): BeamResult {
  const shown = finished === 'stop' ? tokens.slice(0, -1) : tokens;
  return { tokens: Int32Array.from(tokens), text: tokenizer === undefined ? '' : textBehind(tokenizer, prompt, shown), score, logProbability, finished };
}

/**
 * The likeliest continuations that a model has for each prompt, the best first: `beams` candidates are followed at a time, where generate() with temperature 0 follows one. A result's score is
 * logProbability / length^lengthPenalty, the token that ends it counted. As generate() of Hugging Face's transformers with num_beams, length_penalty, early_stopping and num_return_sequences.
 * The model gives logits [B, T, V] for tokens [B, T]; or it has encode(source) and decode(tokens, memory), see generate(). Keys and values of nn.multiheadAttention are kept, and change places on the
 * device as candidates do. There may be fewer results than asked for, where a vocabulary is so small.
 * Throws here ArgumentError for prompts and options that are wrong, ShapeError for sources of several batches; as it runs IndexError for a token that the model does not have, DivergenceError for logits
 * that are NaN, AbortError.
 *
 *     const vocabulary = text.characters('to be or not to be', { endOfText: true });
 *     const model = nn.sequential([16], nn.embedding(vocabulary.size, 16), nn.learnedPositions(16, 16), nn.transformerEncoderLayer(16, 2, { isCausal: true }), nn.linear(16, vocabulary.size));
 *     const [found] = await text.beamSearch(model, 'to b', { tokenizer: vocabulary, beams: 3, returnSequences: 2, maxTokens: 8 });
 *     for (const { text, score } of found!) console.log(score.toFixed(3), text);
 */
export function beamSearch(model: Module, prompts: Prompt | readonly Prompt[], options?: BeamSearchOptions): Promise<BeamResult[][]>;
export function beamSearch<S extends Tensors, M extends Tensors>(model: EncoderDecoder<S, M>, prompts: Prompt | readonly Prompt[], options: BeamSearchOptions & SourceOption<NoInfer<S>>): Promise<BeamResult[][]>;
export function beamSearch(given: AnyModule, prompts: Prompt | readonly Prompt[], options: BeamSearchOptions & Partial<SourceOption> = {}): Promise<BeamResult[][]> {
  const model = given as unknown as Module;
  checkOptions(OP, options, KNOWN);
  const { source, tokenizer, beams = 4, lengthPenalty = 1, earlyStopping = false, returnSequences = 1, cache = true, signal } = options;
  const sources = checkSource(OP, model, source);
  checkFlags(OP, options, ['cache']);
  checkSignal(OP, signal);
  if (tokenizer !== undefined) checkTokenizer(OP, tokenizer);
  checkCount(OP, 'beams', beams);
  checkCount(OP, 'returnSequences', returnSequences);
  if (returnSequences > beams) throw new ArgumentError(`[${OP}] returnSequences: got ${returnSequences}, expected at most as many as there are beams, ${beams}.`, { op: OP });
  if (!Number.isFinite(lengthPenalty)) throw new ArgumentError(`[${OP}] lengthPenalty: got ${describeValue(lengthPenalty)}, expected a number.`, { op: OP });
  if (typeof earlyStopping !== 'boolean' && (earlyStopping as unknown) !== 'never') throw new ArgumentError(`[${OP}] earlyStopping: got ${describeValue(earlyStopping)}, expected true, false or 'never'.`, { op: OP });
  const stopTokens = checkStopTokens(OP, options.stopTokens, tokenizer);
  if (stopTokens.size === 0 && options.stopTokens === undefined) throw new ArgumentError(`[${OP}] stopTokens: got none, and no tokenizer with endOfText, expected the tokens that end a text. Pass { stopTokens: [] } for results of maxTokens each.`, { op: OP });
  const known = contextOf(model);
  const most = known?.context ?? Infinity;
  const all = promptsFor(OP, promptsOf(OP, prompts, tokenizer, most), sources);
  const longest = Math.max(...all.map(({ length }) => length));
  // The last token is seen by nobody.
  const room = most - longest + 1;
  const maxTokens = options.maxTokens ?? Math.min(100, room);
  checkCount(OP, 'maxTokens', maxTokens);
  if (maxTokens > room) throw new ArgumentError(`[${OP}] maxTokens: got ${maxTokens} behind a prompt of ${longest}, expected at most ${room}, for which the context of the model, ${most}, has room.`, { op: OP });
  const context = known?.isFixed === true ? most : Math.min(powerOfTwo(longest + maxTokens - 1), most);
  return search({ model, source, prompts: all, context, isFixed: known?.isFixed ?? false, tokenizer, beams, lengthPenalty, earlyStopping, returnSequences, maxTokens, stopTokens, cache, signal });
}

/** Positions that are kept room for, so that there are few plans. */
function powerOfTwo(positions: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(positions, 16)));
}
