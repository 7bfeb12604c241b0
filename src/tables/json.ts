import { FileFormatError } from '../errors.js';

/** A value that JSON.stringify() writes and JSON.parse() gives back as it was. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A value from a file that is not to be trusted, with its path in the file: each of its methods gives what it holds, or throws FileFormatError. */
export class JsonReader {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  /** An object of these fields, and no others; those of `optional` may be absent. */
  fields<const K extends string, const O extends string = never>(names: readonly K[], optional: readonly O[] = []): { readonly [N in K]: JsonReader } & { readonly [N in O]: JsonReader | undefined } {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(`an object with ${names.join(', ')}`);
    const known: readonly string[] = [...names, ...optional];
    const other = Object.keys(value).find((name) => !known.includes(name));
    if (other !== undefined) throw new JsonReader(other, `${this.#path}: a field`).wrong(`one of ${known.join(', ')}`);
    const field = (name: string): [string, JsonReader][] => (Object.hasOwn(value, name) ? [[name, new JsonReader((value as Record<string, unknown>)[name], `${this.#path}.${name}`)]] : []);
    const absent = names.find((name) => !Object.hasOwn(value, name));
    if (absent !== undefined) throw new JsonReader(undefined, `${this.#path}.${absent}`).wrong('a value');
    return Object.fromEntries(known.flatMap(field)) as never;
  }

  /** A field of an object, and an object of the others. */
  without(name: string): { readonly field: JsonReader; readonly rest: JsonReader } {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong('an object');
    const others = Object.entries(value).filter(([key]) => key !== name);
    const field: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    return { field: new JsonReader(field, `${this.#path}.${name}`), rest: new JsonReader(Object.fromEntries(others), this.#path) };
  }

  /** The field `kind` of an object, which says what its other fields are. */
  kind<const K extends string>(kinds: readonly K[]): K {
    const value = this.#value;
    const kind: unknown = typeof value === 'object' && value !== null && Object.hasOwn(value, 'kind') ? (value as { readonly kind: unknown }).kind : undefined;
    return new JsonReader(kind, `${this.#path}.kind`).oneOf(kinds);
  }

  list<T>(item: (reader: JsonReader) => T): T[] {
    if (!Array.isArray(this.#value)) throw this.wrong('an array');
    // Not by map(), which passes over holes.
    return Array.from(this.#value as unknown[], (value, i) => item(new JsonReader(value, `${this.#path}[${i}]`)));
  }

  /** A finite number of at least `least`. */
  number(least = -Infinity): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value;
    throw this.wrong(least === -Infinity ? 'a finite number' : `a finite number of at least ${least}`);
  }

  positive(): number {
    const value = this.number();
    if (value > 0) return value;
    throw this.wrong('a number above 0');
  }

  integer(least: number, most: number): number {
    const value = this.#value;
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    throw this.wrong(`an integer in [${least}, ${most}]`);
  }

  text(): string {
    if (typeof this.#value === 'string') return this.#value;
    throw this.wrong('a string');
  }

  flag(): boolean {
    if (typeof this.#value === 'boolean') return this.#value;
    throw this.wrong('true or false');
  }

  oneOf<const K extends string | number>(choices: readonly K[]): K {
    const choice = choices.find((one) => one === this.#value);
    if (choice !== undefined) return choice;
    throw this.wrong(`one of ${choices.map((one) => JSON.stringify(one)).join(', ')}`);
  }

  get isNull(): boolean {
    return this.#value === null;
  }

  /** Strings, no two of them equal. */
  names(): string[] {
    const names = this.list((reader) => reader.text());
    if (new Set(names).size < names.length) throw this.wrong('strings that all differ');
    return names;
  }

  /** The error of a value that is not what it should be. */
  wrong(expected: string): FileFormatError {
    const got = JSON.stringify(this.#value) ?? 'nothing';
    const shown = got.length > 60 ? `${got.slice(0, 60)}...` : got;
    return new FileFormatError(`[Pipeline.fromJSON] ${this.#path}: got ${shown.replaceAll(/\p{Cc}/gu, '?')}, expected ${expected}. Take what toJSON() gave, unchanged.`, { op: 'Pipeline.fromJSON' });
  }
}
