import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DataError } from '../errors.js';

const OP = 'data.fromImageFolder';

/** Images that belong to a class. */
export interface ImageFile {
  /** Path in the folder, with slashes on every platform. */
  readonly path: string;
  /** Place that a link leads to; undefined for a plain file. */
  readonly target: string | undefined;
  readonly label: number;
}

export interface ListOptions {
  /** Endings of the names of images, in lower case. */
  readonly extensions: readonly string[];
  /** Classes that there are to be, in the order of their labels; undefined: as the directories are named, sorted. */
  readonly classNames: readonly string[] | undefined;
  readonly followLinks: 'inside' | 'anywhere';
}

export interface ImageList {
  readonly root: string;
  readonly files: readonly ImageFile[];
  readonly classNames: readonly string[];
}

/** An entry of a directory, links being followed. */
interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  readonly target: string | undefined;
}

/** Lists the images of a folder by class, in an order that depends on nothing but their names: by UTF-16 code units, classes first. Throws DataError. */
export async function listImages(folder: string, options: ListOptions): Promise<ImageList> {
  const root = await attempt(folder, () => realpath(folder));
  const lister = new Lister(root, folder, options);
  const entries = await lister.entries('', root);
  const stray = entries.find(({ name, kind }) => kind !== 'directory' && lister.isImage(name));
  if (stray !== undefined) throw lister.wrong(stray.name, 'is an image in no class', 'each in the directory of its class, as in cat/1.png', 'Move it');
  const found = entries.filter(({ kind }) => kind === 'directory');
  if (found.length === 0) throw new DataError(`[${OP}] ${folder} has no class: got no directories, expected one a class with its images inside. Check the path.`, { op: OP });
  checkNames(found, lister, '');
  const classNames = options.classNames ?? found.map(({ name }) => name);
  const files: ImageFile[] = [];
  for (const directory of found) {
    if (!classNames.includes(directory.name)) throw lister.wrong(directory.name, 'is a directory of no known class', `one of ${classNames.join(', ')}`, 'Add it to classNames, or move it');
  }
  for (const [label, name] of classNames.entries()) {
    const directory = found.find((entry) => entry.name === name);
    if (directory === undefined) continue;
    const own = await lister.images(directory, label);
    if (own.length === 0) throw lister.wrong(name, 'is the directory of a class without images', `at least one file that ends in ${options.extensions.join(', ')}`, 'Add images, or remove it');
    for (const file of own) files.push(file);
  }
  if (files.length === 0) throw new DataError(`[${OP}] ${folder} has none of the classes ${classNames.join(', ')}: got ${found.map(({ name }) => name).join(', ')}. Check the path, or classNames.`, { op: OP });
  return { root, files, classNames: [...classNames] };
}

class Lister {
  readonly #root: string;
  readonly #folder: string;
  readonly #options: ListOptions;

  constructor(root: string, folder: string, options: ListOptions) {
    this.#root = root;
    this.#folder = folder;
    this.#options = options;
  }

  isImage(name: string): boolean {
    const lower = name.toLowerCase();
    return this.#options.extensions.some((extension) => lower.endsWith(extension));
  }

  wrong(path: string, got: string, expected: string, advice: string): DataError {
    return new DataError(`[${OP}] ${this.#folder}/${path} ${got}, expected ${expected}. ${advice}.`, { op: OP });
  }

  /** The images in the directory of a class and in those below it. */
  async images({ name, target }: Entry, label: number): Promise<ImageFile[]> {
    const at = target ?? join(this.#root, name);
    const files: ImageFile[] = [];
    await this.#walk(name, { at, above: [this.#root], linked: target !== undefined, label, files });
    return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #walk(path: string, { at, above, linked, label, files }: Walk): Promise<void> {
    if (above.includes(at)) throw this.wrong(path, 'is a link to a directory that holds it', 'directories without a circle', 'Remove it');
    const entries = (await this.entries(path, at)).filter(({ name, kind }) => kind === 'directory' || this.isImage(name));
    checkNames(entries, this, `${path}/`);
    for (const { name, kind, target } of entries) {
      const below = `${path}/${name}`;
      const place = target ?? join(at, name);
      if (kind === 'directory') await this.#walk(below, { at: place, above: [...above, at], linked: linked || target !== undefined, label, files });
      else if (kind === 'file') files.push({ path: below, target: linked || target !== undefined ? place : undefined, label });
      else throw this.wrong(below, 'is no file', 'images', 'Remove it');
    }
  }

  /** The entries of a directory, sorted, without those whose names begin with a dot, which systems and editors leave behind. */
  async entries(path: string, at: string): Promise<Entry[]> {
    const found = await attempt(path === '' ? this.#folder : `${this.#folder}/${path}`, () => readdir(at, { withFileTypes: true }));
    const entries: Entry[] = [];
    for (const dirent of found) if (!dirent.name.startsWith('.')) entries.push(await this.#entry(dirent, path, at));
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #entry(dirent: Dirent, path: string, at: string): Promise<Entry> {
    const { name } = dirent;
    if (!dirent.isSymbolicLink()) return { name, kind: kindOf(dirent), target: undefined };
    const below = path === '' ? name : `${path}/${name}`;
    const shown = `${this.#folder}/${below}`;
    const target = await attempt(shown, () => realpath(join(at, name)));
    if (this.#options.followLinks === 'inside' && target !== this.#root && !target.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep)) {
      throw this.wrong(below, `is a link that leads out of the folder, to ${target}`, 'links inside', "Copy what it leads to, or allow it: { followLinks: 'anywhere' }");
    }
    return { name, kind: kindOf(await attempt(shown, () => stat(target))), target };
  }
}

interface Walk {
  /** The directory's own place, and those of the directories around it. */
  readonly at: string;
  readonly above: readonly string[];
  /** True if a link has led there. */
  readonly linked: boolean;
  readonly label: number;
  readonly files: ImageFile[];
}

function kindOf(of: { isFile(): boolean; isDirectory(): boolean }): Entry['kind'] {
  return of.isFile() ? 'file' : of.isDirectory() ? 'directory' : 'other';
}

/** Throws DataError for names that are one and the same on some platforms, where one of the files would be lost: they differ by case, or in how accents are written. */
function checkNames(entries: readonly Entry[], lister: Lister, path: string): void {
  const known = new Map<string, string>();
  for (const { name } of entries) {
    const key = name.normalize('NFC').toLowerCase();
    const other = known.get(key);
    if (other !== undefined) throw lister.wrong(path + name, `and ${other} are the same name on some platforms`, 'names that differ by more than case', 'Rename one of them');
    known.set(key, name);
  }
}

async function attempt<T>(path: string, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (cause) {
    throw new DataError(`[${OP}] ${path} cannot be read: ${(cause as Error).message}. Correct the path, or its permissions.`, { op: OP, cause });
  }
}
