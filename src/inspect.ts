/** Name of the method that console.log() and util.inspect() call. By its name, because declarations need no types of Node.js. */
export const inspected: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Argument of that method: a function that shows a part as it shows the whole. */
export type Inspect = (value: unknown, options: object) => string;

/** An object as console.log() shows it: what it is, and what it says of itself; below the depth that is asked for, the first alone. */
export function labelled(label: string, fields: object, depth: number, options: object, inspect: Inspect): string {
  return depth < 0 ? `[${label}]` : `${label} ${inspect(fields, options)}`;
}

/** An object that prints itself as a text: by String(), and by console.log(), which see no more of it; its data stays what JSON is made of. */
export function printed<O extends object>(data: O, text: () => string): O & { toString(): string } {
  return Object.defineProperties(data, { toString: { value: text }, [inspected]: { value: text } }) as O & { toString(): string };
}
