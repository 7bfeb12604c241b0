const given = new Set<string>();

/** Emits a warning of this process, once for each code: what is no error, but seldom meant. `process.on('warning')` and --no-warnings apply. */
export function warnOnce(code: string, message: string): void {
  if (given.has(code)) return;
  given.add(code);
  warn(code, message);
}

/** Emits a warning of this process. */
export function warn(code: string, message: string): void {
  process.emitWarning(message, { type: 'AnnealWarning', code });
}
