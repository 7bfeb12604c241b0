import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import { LearnedPositions } from '../nn/positions.js';
import { Recompute } from '../nn/recompute.js';
import { Sequential } from '../nn/sequential.js';
import { checkText, type Tokenizer } from './tokenizer.js';

/** A text or tokens to begin with. */
export type Prompt = string | Int32Array | readonly number[];

/** The context of a model, as far as its layers tell it; `isFixed` where it takes texts of no other length. */
export function contextOf(model: Module): { readonly context: number; readonly isFixed: boolean } | undefined {
  if (model instanceof Recompute) return contextOf(model.layer as Module);
  if (model instanceof Sequential && model.input.length === 1) return { context: model.input[0]!, isFixed: true };
  const contexts = model.modules().flatMap((module) => (module instanceof LearnedPositions ? [module.context] : []));
  if (contexts.length === 0) return undefined;
  // Of an encoder and a decoder nobody knows whose positions are whose; those of a decoder that has fewer say so themselves.
  return { context: 'encode' in model && 'decode' in model ? Math.max(...contexts) : Math.min(...contexts), isFixed: false };
}

/** The tokens of each prompt. Throws ArgumentError for none, and for one that is longer than the context; of prompts of text what the tokenizer throws. */
export function promptsOf(op: string, prompts: Prompt | readonly Prompt[], tokenizer: Tokenizer | undefined, context: number): number[][] {
  const isOne = typeof prompts === 'string' || ArrayBuffer.isView(prompts) || (Array.isArray(prompts) && prompts.length > 0 && prompts.every((one) => typeof one === 'number'));
  const all: readonly unknown[] = isOne ? [prompts] : Array.isArray(prompts) ? prompts : [];
  if (all.length === 0) throw new ArgumentError(`[${op}] prompts: got ${Array.isArray(prompts) ? 'none' : describeValue(prompts)}, expected a text, tokens, or an array of them.`, { op });
  return all.map((prompt, i) => {
    const name = isOne ? 'the prompt' : `prompt ${i}`;
    const tokens = tokensOfPrompt(op, prompt, tokenizer, name);
    if (tokens.length === 0) throw new ArgumentError(`[${op}] ${name} is empty: got no tokens, expected at least one to begin with, such as ${tokenizer?.endOfText === undefined ? 'that of a line break' : '[tokenizer.endOfText], behind which a text begins'}.`, { op });
    if (tokens.length <= context) return tokens;
    throw new ArgumentError(`[${op}] ${name} is longer than the context: got ${tokens.length} tokens, expected at most ${context}. Keep its end: tokens.slice(-${context}).`, { op });
  });
}

function tokensOfPrompt(op: string, prompt: unknown, tokenizer: Tokenizer | undefined, name: string): number[] {
  if (typeof prompt === 'string') {
    if (tokenizer === undefined) throw new ArgumentError(`[${op}] tokenizer: got none for ${name}, which is a text, expected one. Pass { tokenizer }, or tokens.`, { op });
    checkText(op, prompt, name);
    const tokens = Array.from(tokenizer.encode(prompt));
    const wrong = noTokenIn(tokens);
    if (wrong < 0) return tokens;
    throw new ArgumentError(`[${op}] tokenizer: its encode() gave ${describeValue(tokens[wrong])} at position ${wrong} of ${name}, expected tokens, whole numbers of at least 0.`, { op });
  }
  const tokens: readonly unknown[] = prompt instanceof Int32Array || Array.isArray(prompt) ? Array.from(prompt as ArrayLike<unknown>) : [undefined];
  const wrong = noTokenIn(tokens);
  if (wrong < 0) return tokens as number[];
  const got = prompt instanceof Int32Array || Array.isArray(prompt) ? `${describeValue(tokens[wrong])} at position ${wrong}` : describeValue(prompt);
  throw new ArgumentError(`[${op}] ${name}: got ${got}, expected a text or tokens, whole numbers of at least 0.`, { op });
}

/** Position of the first element that is no token; -1 for none. */
const noTokenIn = (tokens: readonly unknown[]): number => tokens.findIndex((token) => !(Number.isInteger(token) && (token as number) >= 0 && (token as number) < 2 ** 31));

/** Tokens at which a text ends: those given, or the tokenizer's endOfText. Throws ArgumentError for what is no array of tokens. */
export function checkStopTokens(op: string, given: readonly number[] | undefined, tokenizer: Tokenizer | undefined): ReadonlySet<number> {
  const tokens = given ?? (tokenizer?.endOfText === undefined ? [] : [tokenizer.endOfText]);
  if (Array.isArray(tokens) && tokens.every((token) => Number.isInteger(token))) return new Set(tokens as readonly number[]);
  throw new ArgumentError(`[${op}] stopTokens: got ${describeValue(given)}, expected an array of tokens.`, { op });
}
