import type * as Fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnnealError } from '../errors.js';
import { here, requireHere } from '../here.js';
import { lazily } from '../lazily.js';
import { registry } from '../ops/registry.js';
import { updateRules } from '../ops/updates.js';

// Not imported, which would also make its streams.
const fs = lazily<typeof Fs>('node:fs');

/** A running program's failure, as the native side reports it. */
export interface NativeFailure {
  readonly instruction: number;
  readonly node: number;
  readonly where: number;
  readonly value: number;
  readonly limit: number;
  readonly iteration: number;
  /** Of a run that was queued: its number among the failures of its session, from 1. */
  readonly number: number;
  /** The number of the failure that it was refused for. */
  readonly cause: number;
}

export interface NativeSession {
  allocate(bytes: number): number;
  free(id: number): void;
  load(words: Uint32Array): number;
  unload(program: number): void;
  /** `told`: the number of the last failure that was known when this run was asked for. */
  run(program: number, storages: Int32Array, slots: Uint8Array, repeat: number, inline: boolean, told: number, ...views: readonly ArrayBufferView[]): undefined | Promise<void>;
  drain(): void;
  cancel(): void;
  dispose(): void;
  stats(): { queued: number; runs: number; storageBytes: number; arenaBytes: number; programs: number };
}

export interface NativeInfo {
  readonly version: string;
  readonly target: string;
  readonly targets: readonly string[];
  readonly lanes: number;
  readonly threads: number;
  readonly compiler: string;
  readonly cpu: string;
}

interface Addon {
  rows(): readonly { readonly name: string; readonly flags: number }[];
  pointwise(): readonly { readonly name: string }[];
  updates(): readonly { readonly name: string; readonly states: number; readonly hypers: number; readonly flags: number }[];
  info(): NativeInfo;
  setThreads(n: number): void;
  memory(bytes: number): ArrayBuffer;
  permutation(rows: Int32Array, key: Uint32Array): void;
  Session: new (options?: { target?: string }) => NativeSession;
}

/** The addon, and the numbers of its rows by name. */
export interface Native {
  readonly addon: Addon;
  /** Where it was found. */
  readonly file: string;
  row(name: string): number;
  micro(name: string): number;
  rule(name: string): number;
  microName(opcode: number): string;
}

let native: Native | undefined;

/** Loads the addon on first use. Throws AnnealError (ANNEAL_ADDON_MISSING, ANNEAL_CPU_UNSUPPORTED) that says what to do. */
export function loadNative(): Native {
  native ??= bind(loadAddon(), addonFile());
  return native;
}

/** Throws for an addon that lacks what a record or a rule names. */
function bind(addon: Addon, file: string): Native {
  const rows = new Map(addon.rows().map(({ name }, i) => [name, i]));
  const names = addon.pointwise().map(({ name }) => name);
  const micros = new Map(names.map((name, i) => [name, i]));
  const signatures = new Map(addon.updates().map(({ name, states, hypers, flags }, i) => [`${name} ${states} ${hypers} ${flags}`, i]));
  const rules = new Map<string, number>();
  for (const { name, states, hypers, flags } of Object.values(updateRules)) {
    rules.set(name, numberOf(signatures, `${name} ${states.length} ${hypers.length} ${flags.length}`, 'native/updates.def'));
  }
  for (const op of registry) if (op.kind === 'pointwise') numberOf(micros, op.micro, 'native/pointwise.def');
  return {
    addon,
    file,
    row: (name) => numberOf(rows, name, 'native/ops.def'),
    micro: (name) => numberOf(micros, name, 'native/pointwise.def'),
    rule: (name) => numberOf(rules, name, 'native/updates.def'),
    microName: (opcode) => names[opcode]!,
  };
}

function numberOf(numbers: ReadonlyMap<string, number>, name: string, table: string): number {
  const number = numbers.get(name);
  if (number === undefined) {
    throw new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] the native addon has no row '${name}' (${table}): it is older than this library. Build it again: npm run build:addon.`);
  }
  return number;
}

function addonFile(): string {
  return process.env['ANNEAL_ADDON'] ?? join(packageRoot() ?? dirname(path()), 'build', 'Release', 'anneal.node');
}

function loadAddon(): Addon {
  const root = packageRoot();
  const file = addonFile();
  if (!fs().existsSync(file)) throw new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] the native addon is not there for ${process.platform}-${process.arch}: there is no ${file}. ${remedy(root)}`);
  try {
    return requireHere(file) as Addon;
  } catch (cause) {
    const error = cause as Error & { code?: string };
    if (error.code === 'ANNEAL_CPU_UNSUPPORTED') throw new AnnealError('ANNEAL_CPU_UNSUPPORTED', error.message, { cause });
    throw new AnnealError(
      'ANNEAL_ADDON_MISSING',
      `[anneal] the native addon could not be loaded on ${process.platform}-${process.arch}, Node.js ${process.version}: ${error.message}. Build it again. ${remedy(root)}`,
      { cause },
    );
  }
}

/** What to do depends on where the package is: a clone, a dependency, or nowhere, because it was bundled into another file. */
function remedy(root: string | undefined): string {
  if (process.env['ANNEAL_ADDON'] !== undefined) return 'ANNEAL_ADDON names it: correct that, or unset it and build the one of the package: npm run build:addon in a clone.';
  if (root === undefined) return 'This is a bundle: keep anneal out of it (esbuild: --external:anneal) and installed beside it, or name the file in ANNEAL_ADDON.';
  const dependency = /[\\/]node_modules[\\/]/.test(`${root}/`);
  return dependency ? 'It is built when the package is installed; where scripts are off, build it: npx anneal build.' : 'Build it: npm run build:addon.';
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
