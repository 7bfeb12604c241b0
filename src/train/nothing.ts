import { Stream, StreamLoader } from '../data/index.js';
import { DataError } from '../errors.js';

/** The error of data that has given no batch. */
export function nothingFrom(op: string, source: unknown, where = ''): DataError {
  const stream = source instanceof StreamLoader ? source.stream : source;
  const [what, advice] =
    stream instanceof Stream
      ? [`stream '${stream.name}'`, 'A generator gives its examples once: give a function that makes a new one in each call, as in data.fromIterable(() => open(), ...). With dropLast, they have to fill a batch']
      : ['the data', 'A loader of your own has to begin anew whenever it is iterated'];
  return new DataError(`[${op}] ${what} gave no batch${where}, expected at least one. ${advice}.`, { op });
}
