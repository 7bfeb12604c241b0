const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = [0x7b, 0x5b]; // { [
const CLOSE = [0x7d, 0x5d]; // } ]

/**
 * The first key that occurs twice in one object of `text`, which must be valid JSON: JSON.parse keeps the last of them in
 * silence, so that two readers of one file could see two different things.
 */
export function duplicateKey(text: string): string | undefined {
  const scopes: Set<string>[] = [];
  let string = '';
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) {
      const end = endOfString(text, i);
      string = text.slice(i, end + 1);
      i = end;
    } else if (char === COLON) {
      const key = JSON.parse(string) as string;
      const keys = scopes.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    } else if (OPEN.includes(char)) scopes.push(new Set());
    else if (CLOSE.includes(char)) scopes.pop();
  }
  return undefined;
}

/** The position of the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}
