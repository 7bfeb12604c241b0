import { AnnealError, DataError, DivergenceError, IndexError, type ErrorCode } from '../errors.js';
import type { Attrs, OpRecord } from '../ops/record.js';
import type { DomainAttrs } from '../ops/require-domain.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { outOfMemory } from './memory.js';
import type { Plan } from './plan.js';
import type { RunError } from './session.js';

/** Turns a native failure into the error that the user gets: the op, and for data the example at fault. */
export function explain(plan: Plan, nodes: readonly Tensor[], error: RunError, before: Error | undefined): Error {
  const at = error.failure && plan.describe(error.failure.node, nodes);
  switch (error.code) {
    case 'ANNEAL_INDEX_OUT_OF_RANGE':
      return indicesOf(at?.op) === 'fault' ? outsideDomain(error, at as unknown as Outside) : outOfRange(error, at);
    case 'ANNEAL_NON_FINITE':
      return notFinite(error, at);
    case 'ANNEAL_OVERFLOW':
      return overflow(error, at);
    case 'ANNEAL_SESSION_FAILED':
      return new AnnealError('ANNEAL_SESSION_FAILED', '[anneal] not run, because a step before it, whose results it needs, failed; its error is the cause.', { cause: before ?? error });
    case 'ANNEAL_OUT_OF_MEMORY':
      return outOfMemory('step', 'the temporaries of its plan', error);
    case 'ANNEAL_ABORTED':
    case 'ANNEAL_DISPOSED':
      return new AnnealError(error.code as ErrorCode, `[anneal] ${error.message}`, { cause: error });
    default:
      return error.code === undefined ? error : new AnnealError('ANNEAL_INTERNAL', `[anneal] ${error.message}`, { cause: error });
  }
}

/** The name by which users know an op; that of the step where the op is not known. */
function nameOf(at: { readonly op: OpRecord } | undefined): string {
  return at?.op.calledBy ?? at?.op.name ?? 'step';
}

/** Kind of the indices that an op takes. */
function indicesOf(op: OpRecord | undefined): string | undefined {
  return op !== undefined && 'indices' in op ? op.indices : undefined;
}

const KINDS = ['NaN', 'Infinity', '-Infinity'] as const;

function notFinite(error: RunError, at: { readonly attrs: Attrs | undefined } | undefined): DivergenceError {
  const { value: operand, limit: kind } = error.failure!;
  const parameter = (at?.attrs?.['names'] as readonly string[] | undefined)?.[operand] || undefined;
  const what = parameter === undefined ? 'the loss' : `the gradient of ${parameter}`;
  const text =
    `[step] ${what} is not finite: got ${KINDS[kind]}, expected a number. Nothing was updated. Lower the rate, warm it up, or clip gradients; ` +
    'Trainer.fit() says where it came from, and so does configure({ debug: true, checkFinite: true }).';
  return new DivergenceError(text, { value: KINDS[kind]!, ...(parameter === undefined ? {} : { parameter }) }, { op: 'step', cause: error });
}

function overflow(error: RunError, at: { readonly op: OpRecord } | undefined): AnnealError {
  const { where, value } = error.failure!;
  const op = nameOf(at);
  const text = `[${op}] a sum of whole numbers does not fit int32: got ${value} at position ${where}, expected a number from ${-(2 ** 31)} to ${2 ** 31 - 1}. Add floats: .cast('float32').`;
  return new AnnealError('ANNEAL_OVERFLOW', text, { op, cause: error });
}

interface Outside {
  readonly attrs: DomainAttrs;
  readonly inputs: readonly Tensor[];
}

/** The fault of an element that was looked for is its position, from 1. */
function outsideDomain(error: RunError, { attrs: { op, what, domain, located }, inputs }: Outside): DataError {
  const { value, iteration } = error.failure!;
  const checked = inputs.at(-1);
  const [rows = 1] = checked?.shape ?? [];
  const row = checked === undefined ? 0 : Math.floor((value - 1) / (sizeOf(checked.shape) / rows));
  const place = !located ? '' : ` at ${checked?.origin$?.describe(row, iteration) ?? `element ${value - 1}`}`;
  return new DataError(`[${op}] ${what} are outside of what the loss takes${place}: got others, expected ${domain}. Correct them, or take another loss: docs/losses.md has a table of losses and their targets.`, {
    op,
    cause: error,
  });
}

/** The label behind the end of padded sequences, here and in PyTorch. */
const PADDED = -100;

/** Words for one of the indices of an op. */
const NAMES: Readonly<Record<string, string>> = { tokens: 'token', lengths: 'length' };

function remedyOf(op: OpRecord | undefined, value: number, limit: number): string {
  if (indicesOf(op) === 'positions') return 'Correct the indices.';
  if (indicesOf(op) === 'tokens') return `The table has ${limit} rows: encode the text with the vocabulary that the model was made for, or make the embedding as large as the vocabulary.`;
  if (indicesOf(op) === 'lengths') return `A length counts the elements of an example in front of its padding, ${limit - 1} at most.`;
  if (value === PADDED) return 'Where it stands for no label, as behind the end of a sequence, leave it out: losses.crossEntropy.with({ ignoreIndex: -100 }).';
  return value === limit ? 'Classes count from 0: where labels begin at 1, subtract 1 from each; or give the model more classes.' : 'Check the labels, or the number of classes that the model gives.';
}

/** Place of an element of indices in words: the example or row that it belongs to, and its position there. */
function placeIn({ shape, origin$ }: Tensor, where: number, iteration: number | undefined): string {
  const each = sizeOf(shape.slice(1));
  const row = Math.floor(where / Math.max(each, 1));
  const from = origin$?.describe(row, iteration) ?? (shape.length < 2 ? undefined : `row ${row}`);
  if (shape.length < 2) return from ?? `position ${where}`;
  return `${from}, position ${where - row * each}`;
}

function outOfRange(error: RunError, at: { readonly op: OpRecord; readonly inputs: readonly Tensor[] } | undefined): IndexError {
  const { where, value, limit, iteration } = error.failure!;
  const op = nameOf(at);
  const indices = at?.inputs.find((input) => input.origin$ !== undefined) ?? (indicesOf(at?.op) === 'tokens' ? at!.inputs[0] : undefined);
  const place = indices === undefined ? `position ${where}` : placeIn(indices, where, iteration);
  const what = NAMES[indicesOf(at?.op) ?? ''] ?? 'index';
  return new IndexError(
    `[${op}] ${what} out of range at ${place}: got ${value}, expected an integer in [0, ${limit}). ${remedyOf(at?.op, value, limit)}`,
    { index: where, value, limit },
    { op, cause: error },
  );
}
