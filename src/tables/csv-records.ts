// Rows of a CSV file as fields: papaparse cuts text into fields, and this cuts the file into pieces of text, and says on which lines rows stand.
import type * as Papa from 'papaparse';
import { lazyRequire } from '../lazy-require.js';
import { readerMissing } from './optional-reader.js';

const papaparse = lazyRequire<typeof Papa>('papaparse');

function library(): typeof Papa {
  try {
    return papaparse();
  } catch (cause) {
    // In a bundle that left it out.
    throw readerMissing('data.csv', 'CSV', 'papaparse', cause);
  }
}

/** Form of a file. */
export interface CsvForm {
  readonly delimiter: string;
  /** Undefined where quotes are text. */
  readonly quote: string | undefined;
  readonly comment: string | undefined;
  /** Characters that a row may have. */
  readonly longest: number;
}

/** Rows that follow each other. */
export interface CsvRecords {
  readonly records: readonly (readonly string[])[];
  /** The line on which a record begins, from 1. */
  line(record: number): number;
}

/** A place at which quotes do not fit together. */
export interface CsvFault {
  readonly line: number;
  readonly kind: 'closing' | 'unclosed' | 'tooLong';
}

/** Result of papaparse's parser. */
interface Parsed {
  readonly data: string[][];
  readonly errors: readonly { readonly code: string; readonly row: number }[];
  readonly meta: { readonly cursor: number };
}

/** Records up to a place of the text, at which there may be a fault. */
interface Part extends CsvRecords {
  readonly end: number;
  readonly fault: CsvFault['kind'] | undefined;
}

/** Reads text that comes in pieces. After a fault it goes on with the next line. */
export class CsvScanner {
  readonly #form: CsvForm;
  /** Text that is not used up, which begins with this line. */
  #rest = '';
  #line = 1;
  /** Characters without which the row that has begun is not looked at again. */
  #enough = 0;
  /** A \r that may be half of a line break. */
  #half = '';
  /** True while a line that is too long is passed over. */
  #dropping = false;

  constructor(form: CsvForm) {
    this.#form = form;
  }

  /** Takes more text; of `last` there is nothing behind. Line breaks, of whatever system, become \n, in fields too. */
  *write(text: string, last: boolean): Generator<CsvRecords | CsvFault, void, undefined> {
    const given = this.#half + text;
    // A \r at the end may be half of a line break.
    this.#half = !last && given.endsWith('\r') ? '\r' : '';
    const input = this.#rest + given.slice(0, given.length - this.#half.length).replaceAll(/\r\n?/g, '\n');
    if (!last && input.length < this.#enough) {
      this.#rest = input;
      return;
    }
    this.#rest = '';
    yield* this.#scan(this.#dropping ? this.#dropLine(input) : input, last);
  }

  *#scan(text: string, last: boolean): Generator<CsvRecords | CsvFault, void, undefined> {
    let input = text;
    let hasFaults = false;
    while (input !== '') {
      const part: Part = hasFaults ? this.#untilFault(input, last) : this.#all(input, last);
      if (part.fault !== undefined && !hasFaults) {
        hasFaults = true;
        continue;
      }
      yield part;
      this.#line += linesIn(input, part.end);
      input = input.slice(part.end);
      const fault = part.fault ?? (input.length > this.#form.longest ? 'tooLong' : undefined);
      if (fault === undefined) break;
      yield { line: this.#line, kind: fault };
      input = this.#dropLine(input);
    }
    this.#rest = input;
    // Of a row that is longer than a piece: looked at again when there is twice as much, so that the time goes with its length.
    this.#enough = input === text ? Math.min(2 * input.length, this.#form.longest + 1) : 0;
  }

  /** All records that are complete. Of text with a fault nothing is said but that there is one. */
  #all(input: string, last: boolean): Part {
    const { data, errors, meta } = this.#parser().parse(input, 0, !last) as Parsed;
    // The last record may only look wrong because the rest of it is not there yet.
    const fault = errors.some(({ row }) => last || row < data.length) ? 'closing' : undefined;
    return { ...this.#batch(data, input), end: last ? input.length : meta.cursor, fault };
  }

  #batch(data: string[][], input: string): CsvRecords {
    const first = this.#line;
    let lines: Int32Array | undefined;
    const line = (i: number): number => {
      if (lines === undefined) {
        const { starts } = this.#untilFault(input, true);
        lines = new Int32Array(starts.length);
        let [at, from] = [first, 0];
        for (const [record, start] of starts.entries()) {
          at += linesIn(input, start, from);
          from = start;
          lines[record] = at;
        }
      }
      return lines[i]!;
    };
    return { records: data, line };
  }

  /** Records one by one, up to the first whose quotes do not fit. */
  #untilFault(input: string, last: boolean): Part & { readonly starts: readonly number[] } {
    const records: string[][] = [];
    const starts: number[] = [];
    let end = 0;
    let fault: CsvFault['kind'] | undefined;
    const parser = this.#parser(({ data: [record], errors: [error], meta }: Parsed): void => {
      if (error !== undefined) {
        fault = error.code === 'MissingQuotes' ? 'unclosed' : 'closing';
        parser.abort();
        return;
      }
      records.push(record!);
      starts.push(this.#behindComments(input, end));
      end = meta.cursor;
    });
    parser.parse(input, 0, !last);
    const first = this.#line;
    if (fault !== undefined) end = this.#behindComments(input, end);
    else if (last) end = input.length;
    return { records, starts, line: (i) => first + linesIn(input, starts[i]!), end, fault };
  }

  /** The place behind lines that papaparse passes over. */
  #behindComments(input: string, from: number): number {
    const { comment } = this.#form;
    let at = from;
    while (comment !== undefined && input.startsWith(comment, at)) {
      const end = input.indexOf('\n', at);
      if (end === -1) return at;
      at = end + 1;
    }
    return at;
  }

  #dropLine(input: string): string {
    const end = input.indexOf('\n');
    this.#dropping = end === -1;
    if (end === -1) return '';
    this.#line++;
    return input.slice(end + 1);
  }

  #parser(step?: (parsed: Parsed) => void): Papa.Parser {
    const { delimiter, quote, comment } = this.#form;
    // Without a quote papaparse goes by line breaks and delimiters alone.
    const config = { delimiter, newline: '\n', ...(quote === undefined ? { fastMode: true } : { quoteChar: quote }), ...(comment === undefined ? {} : { comments: comment }), ...(step === undefined ? {} : { step }) };
    return new (library().Parser)(config as Papa.ParseConfig);
  }
}

/** Line breaks before a place of a text. */
function linesIn(text: string, end: number, from = 0): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
