import { AnnealError } from '../errors.js';

/** The error of a library that is not installed with this one, or does not run here: ANNEAL_OPTIONAL_MISSING. */
export function readerMissing(op: string, format: string, name: string, cause: unknown): AnnealError {
  const { code, message } = cause as { readonly code?: string; readonly message: string };
  const absent = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
  const what = absent ? `which is not installed. Install it beside anneal: npm install ${name}.` : `which could not be loaded: ${message.split('\n')[0]} Install it again: npm install ${name}.`;
  return new AnnealError('ANNEAL_OPTIONAL_MISSING', `[${op}] ${format} files are read by ${name}, ${what}`, { op, cause });
}
