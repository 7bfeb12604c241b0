/** A part of a document, in their order. */
export interface DocumentPart {
  /** Number of the document in its source. */
  readonly document: number;
  readonly text: string;
  /** True of its last part, whose text may be empty. */
  readonly isLast: boolean;
}

/** Cuts text that comes in pieces into documents at `separator`, which belongs to none; one document without. Documents without text are left out. */
export async function* documentsOf(pieces: AsyncIterable<string>, separator: string | undefined, first: number): AsyncGenerator<DocumentPart, number, undefined> {
  let document = first;
  let isBegun = false;
  let held = '';
  for await (const piece of pieces) {
    held += piece;
    if (separator !== undefined) {
      for (let at = held.indexOf(separator); at >= 0; at = held.indexOf(separator)) {
        if (at > 0 || isBegun) yield { document: document++, text: held.slice(0, at), isLast: true };
        held = held.slice(at + separator.length);
        isBegun = false;
      }
    }
    // What may be the beginning of a separator waits for what follows.
    const kept = separator === undefined ? 0 : Math.min(separator.length - 1, held.length);
    const certain = wholeCharacters(held, held.length - kept);
    if (certain > 0) {
      yield { document, text: held.slice(0, certain), isLast: false };
      isBegun = true;
      held = held.slice(certain);
    }
  }
  if (held !== '' || isBegun) yield { document: document++, text: held, isLast: true };
  return document;
}

/** The longest beginning of at most so many units of a text that ends between characters. */
function wholeCharacters(text: string, length: number): number {
  return length < text.length && /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) ? length - 1 : length;
}

/** Position in front of the last run of spaces that follows something else; 0 where there is none. */
export function lastBreak(text: string): number {
  for (let at = text.length - 1; at > 0; at--) if (/\s/.test(text[at]!) && !/\s/.test(text[at - 1]!)) return at;
  return 0;
}
