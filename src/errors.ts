import type { Shape } from './shape.js';

/** Every code that an error of this library can carry. Codes are stable; texts may improve. */
export type ErrorCode =
  | 'ANNEAL_SHAPE_MISMATCH'
  | 'ANNEAL_DTYPE_MISMATCH'
  | 'ANNEAL_INDEX_OUT_OF_RANGE'
  | 'ANNEAL_INVALID_ARGUMENT'
  | 'ANNEAL_UNKNOWN_OPTION'
  | 'ANNEAL_STALE_TENSOR'
  | 'ANNEAL_DISPOSED'
  | 'ANNEAL_OTHER_SESSION'
  | 'ANNEAL_GRADIENT'
  | 'ANNEAL_UNREGISTERED_PARAMETER'
  | 'ANNEAL_UNREGISTERED_MODULE'
  | 'ANNEAL_DATA'
  | 'ANNEAL_NON_FINITE'
  | 'ANNEAL_OVERFLOW'
  | 'ANNEAL_LIMIT'
  | 'ANNEAL_FILE_FORMAT'
  | 'ANNEAL_STATE_MISMATCH'
  | 'ANNEAL_BUSY'
  | 'ANNEAL_ABORTED'
  | 'ANNEAL_OUT_OF_MEMORY'
  | 'ANNEAL_SESSION_FAILED'
  | 'ANNEAL_ADDON_MISSING'
  | 'ANNEAL_OPTIONAL_MISSING'
  | 'ANNEAL_CPU_UNSUPPORTED'
  | 'ANNEAL_INTERNAL';

export interface ErrorDetails {
  readonly op?: string;
  readonly shapes?: readonly Shape[];
  /** Place where the operation at fault was recorded, when debugging is on and the error came while running. */
  readonly site?: string;
  readonly cause?: unknown;
}

/** Frames of an error's stack: in a model of several layers within layers, the ten that V8 keeps end before the user's line. */
const FRAMES = 64;

/** The base of every error that this library throws. `code` is stable, the message says what to do. */
export class AnnealError extends Error {
  readonly code: ErrorCode;
  readonly op?: string;
  readonly shapes?: readonly Shape[];
  readonly site?: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const limit = Error.stackTraceLimit;
    // Set by Reflect, which does not throw where Error is frozen. A process that wants no frames gets none.
    if (limit > 0 && limit < FRAMES) Reflect.set(Error, 'stackTraceLimit', FRAMES);
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    Reflect.set(Error, 'stackTraceLimit', limit);
    this.name = new.target.name;
    this.code = code;
    if (details.op !== undefined) this.op = details.op;
    if (details.shapes !== undefined) this.shapes = details.shapes;
    if (details.site !== undefined) this.site = details.site;
  }
}

/** Shapes that do not fit together. */
export class ShapeError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_SHAPE_MISMATCH', message, details);
  }
}

/** A tensor with more elements or more dimensions than the library can describe, or an operation beyond what its kernel counts with. */
export class LimitError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_LIMIT', message, details);
  }
}

/** A dtype that the operation does not take. */
export class DTypeError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_DTYPE_MISMATCH', message, details);
  }
}

/** An index or a label outside its range; found while the step runs, because only then are its values known. */
export class IndexError extends AnnealError {
  readonly index: number;
  readonly value: number;
  readonly limit: number;
  constructor(message: string, at: { index: number; value: number; limit: number }, details?: ErrorDetails) {
    super('ANNEAL_INDEX_OUT_OF_RANGE', message, details);
    this.index = at.index;
    this.value = at.value;
    this.limit = at.limit;
  }
}

/** Facts about a divergence of training, as far as they are known. */
export interface Divergence {
  /** Value found instead of a number. */
  readonly value: 'NaN' | 'Infinity' | '-Infinity';
  /** The parameter whose gradient it is; undefined for the loss. */
  readonly parameter?: string;
  /** From 0. */
  readonly epoch?: number;
  /** In its epoch, from 0. */
  readonly step?: number;
  /** The path of the layer in which it began: '' for the model itself, undefined outside of it, as in the loss. */
  readonly layer?: string;
  /** Of that step. */
  readonly lr?: number;
  /** Of the steps before it, the latest last. */
  readonly losses?: readonly number[];
  /** Of the batches before it, the latest last, at the weights that the failed step met. */
  readonly gradientNorms?: readonly number[];
}

/** A loss or a gradient that is not finite. The step that met it has changed nothing. `op` is the operation in which it began. */
export class DivergenceError extends AnnealError implements Divergence {
  readonly value: Divergence['value'];
  readonly parameter?: string;
  readonly epoch?: number;
  readonly step?: number;
  readonly layer?: string;
  readonly lr?: number;
  readonly losses?: readonly number[];
  readonly gradientNorms?: readonly number[];
  constructor(message: string, divergence: Divergence, details?: ErrorDetails) {
    super('ANNEAL_NON_FINITE', message, details);
    this.value = divergence.value;
    Object.assign(this, divergence);
  }
}

/** An argument outside what the function takes. */
export class ArgumentError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_INVALID_ARGUMENT', message, details);
  }
}

/** A tensor of a finished step, whose values are gone. */
export class StaleTensorError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_STALE_TENSOR', message, details);
  }
}

/** Data that cannot be used: ragged, empty, of another length than its labels, or not finite. */
export class DataError extends AnnealError {
  constructor(message: string, details?: ErrorDetails & { code?: 'ANNEAL_DATA' | 'ANNEAL_NON_FINITE' }) {
    super(details?.code ?? 'ANNEAL_DATA', message, details);
  }
}

/** A file that is not what it should be: truncated, of another format, or hostile. */
export class FileFormatError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_FILE_FORMAT', message, details);
  }
}

/** Native memory that there is none for, in bytes: what was asked for, what was in use, and the most that there may be. Nothing was changed. */
export class OutOfMemoryError extends AnnealError {
  readonly bytes: number;
  readonly inUse: number;
  readonly limit: number;
  constructor(message: string, sizes: { bytes: number; inUse: number; limit: number }, details?: ErrorDetails) {
    super('ANNEAL_OUT_OF_MEMORY', message, details);
    this.bytes = sizes.bytes;
    this.inUse = sizes.inUse;
    this.limit = sizes.limit;
  }
}

/** Something that can be done once at a time, such as fit() on a model, was asked for while it runs. */
export class BusyError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_BUSY', message, details);
  }
}

/** Error of an operation that was stopped by its signal, whose reason is the `cause`. Its name is that of Node.js for this. */
export class AbortError extends AnnealError {
  constructor(message: string, details?: ErrorDetails) {
    super('ANNEAL_ABORTED', message, details);
  }
}
