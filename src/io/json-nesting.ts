const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Levels of objects: the header, its tensors, and one that is said to be wrong by its name. */
const MAX_DEPTH = 3;
/** Sizes of a tensor, of which the format has fewer. */
const MAX_ELEMENTS = 256;

/**
 * Returns why `text`, which need be no valid JSON, would be too large to parse as a header; undefined where it would not. JSON.parse makes fifty bytes of each bracket, so
 * that a header of brackets alone would end the process.
 */
export function nestingFault(text: string): string | undefined {
  let depth = 0;
  let elements: number | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === OPEN_OBJECT || char === OPEN_ARRAY) {
      if (elements !== undefined) return 'has brackets inside an array';
      if (char === OPEN_ARRAY) elements = 0;
      else if (++depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} objects`;
    } else if (char === CLOSE_OBJECT) depth--;
    else if (char === CLOSE_ARRAY) elements = undefined;
    else if (char === COMMA && elements !== undefined && ++elements >= MAX_ELEMENTS) return `has an array of more than ${MAX_ELEMENTS} elements`;
  }
  return undefined;
}

/** The position of the quote that ends the string that begins at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}
