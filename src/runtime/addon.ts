import type * as Fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnnealError } from '../errors.js';
import { here, requireHere } from '../here.js';
import { lazyRequire } from '../lazy-require.js';
import { platformText } from '../libc.js';

// Not imported, which would also make its streams.
const fs = lazyRequire<typeof Fs>('node:fs');

/** The native addon as it exports itself, and where it was found. */
export interface LoadedAddon {
  readonly exports: unknown;
  readonly file: string;
}

/** Loads the addon that is built from source, else the one that is shipped. Throws AnnealError (ANNEAL_ADDON_MISSING, ANNEAL_CPU_UNSUPPORTED) that says what to do. */
export function loadAddon(): LoadedAddon {
  const root = packageRoot();
  const named = process.env['ANNEAL_ADDON'];
  const places = named === undefined ? placesOf(root) : [named];
  const file = places.find((place) => fs().existsSync(place));
  if (file === undefined) throw missing(`there is no native addon for ${platformText()}: looked for ${places.join(' and ')}`, root);
  try {
    if (isTruncated(file)) throw new Error('the file is truncated');
    return { exports: requireHere(file), file };
  } catch (cause) {
    const { code, message } = cause as Error & { readonly code?: string };
    if (code === 'ANNEAL_CPU_UNSUPPORTED') throw new AnnealError('ANNEAL_CPU_UNSUPPORTED', message, { cause });
    throw missing(`the native addon ${file} could not be loaded on ${platformText()}, Node.js ${process.version}: ${message}`, root, cause);
  }
}

/** Places in which an addon may be, the first one first. */
function placesOf(root: string | undefined): readonly string[] {
  const name = `anneal-${process.platform}-${process.arch}.node`;
  const places = [join(dirname(path()), name)];
  const shipped = here.startsWith('file:') ? shippedHere() : undefined;
  if (shipped !== undefined) places.unshift(fileURLToPath(shipped));
  if (root !== undefined) places.unshift(join(root, 'build', 'Release', 'anneal.node'), join(root, 'prebuilds', name));
  return [...new Set(places)];
}

/** The shipped addons, as seen from dist/. They are written out for tools that bundle files or trace them. */
function shippedHere(): URL | undefined {
  switch (`${process.platform}-${process.arch}`) {
    case 'linux-x64':
      return new URL('../prebuilds/anneal-linux-x64.node', import.meta.url);
    case 'linux-arm64':
      return new URL('../prebuilds/anneal-linux-arm64.node', import.meta.url);
    case 'win32-x64':
      return new URL('../prebuilds/anneal-win32-x64.node', import.meta.url);
    case 'darwin-x64':
      return new URL('../prebuilds/anneal-darwin-x64.node', import.meta.url);
    case 'darwin-arm64':
      return new URL('../prebuilds/anneal-darwin-arm64.node', import.meta.url);
    default:
      return undefined;
  }
}

/** Returns whether an ELF file ends before its table of sections, which is the last thing in it: to load one would end the process. */
function isTruncated(file: string): boolean {
  const header = Buffer.alloc(64);
  const descriptor = fs().openSync(file, 'r');
  try {
    const read = fs().readSync(descriptor, header, 0, 64, 0);
    if (header.readUInt32BE(0) !== 0x7f454c46) return false;
    return read < 64 || fs().fstatSync(descriptor).size < Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
  } finally {
    fs().closeSync(descriptor);
  }
}

function missing(problem: string, root: string | undefined, cause?: unknown): AnnealError {
  return new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] ${problem}. ${remedy(root)}`, { cause });
}

/** Returns what to do, which depends on where the package is: a clone, a dependency, or nowhere, because it was bundled into another file. */
export function remedy(root: string | undefined = packageRoot()): string {
  if (process.env['ANNEAL_ADDON'] !== undefined) return 'ANNEAL_ADDON names it: correct that, or unset it.';
  if (root === undefined) {
    return `This is a bundle: keep anneal out of it (esbuild: --external:anneal) and installed beside it, or copy prebuilds/anneal-${process.platform}-${process.arch}.node of the package to the bundle's folder.`;
  }
  const dependency = /[\\/]node_modules[\\/]/.test(`${root}/`);
  return dependency ? 'Install the package again, or build the addon from source: npx anneal build.' : 'Build it from source: npm run build:addon.';
}

const path = (): string => (here.startsWith('file:') ? fileURLToPath(here) : here);

/** The folder of this package: above the sources and dist alike, or, of a bundle, the one that is installed where the bundle is; undefined where there is none. */
function packageRoot(): string | undefined {
  for (let folder = dirname(path()); ; folder = dirname(folder)) {
    if (isOurs(folder)) return folder;
    const installed = join(folder, 'node_modules', 'anneal');
    if (isOurs(installed)) return installed;
    if (folder === dirname(folder)) return undefined;
  }
}

function isOurs(folder: string): boolean {
  const file = join(folder, 'package.json');
  return fs().existsSync(file) && (JSON.parse(fs().readFileSync(file, 'utf8')) as { readonly name?: string }).name === 'anneal';
}
