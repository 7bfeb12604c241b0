import { expect } from 'vitest';
import { AnnealError, type ErrorCode } from '../../src/errors.js';

/** Expects `call` to throw this library's error with a code and a message. */
export function refuses(call: () => unknown, code: ErrorCode, message: RegExp): void {
  check(thrownBy(call), code, message);
}

/** The same for a promise. */
export async function fails(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  check(error, code, message);
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

function check(error: unknown, code: ErrorCode, message: RegExp): void {
  expect(error).toBeInstanceOf(AnnealError);
  expect((error as AnnealError).message).toMatch(message);
  expect((error as AnnealError).code).toBe(code);
}
