import { AnnealError } from '../errors.js';
import { codes } from '../ops/codes.js';
import { everyOp } from '../ops/registry.js';
import type { UpdateRule } from '../ops/updates.js';
import { loadAddon, remedy, type LoadedAddon } from './addon.js';

/** A running program's failure, as the native side reports it. */
export interface NativeFailure {
  readonly instruction: number;
  readonly node: number;
  readonly where: number;
  readonly value: number;
  readonly limit: number;
  readonly iteration: number;
  /** Number of a run that was queued among the failures of its session, from 1. */
  readonly number: number;
  /** The number of the failure that it was refused for. */
  readonly cause: number;
}

export interface NativeSession {
  /** `saved`: a result, and not weights. */
  allocate(bytes: number, saved: boolean): number;
  free(id: number): void;
  load(words: Uint32Array): number;
  unload(program: number): void;
  /** `told`: the number of the last failure that was known when this run was asked for. */
  run(program: number, storages: Int32Array, slots: Uint8Array, repeat: number, inline: boolean, told: number, ...views: readonly ArrayBufferView[]): undefined | Promise<void>;
  drain(): void;
  cancel(): void;
  dispose(): void;
  stats(): { queued: number; runs: number; storageBytes: number; temporaryBytes: number; toldBytes: number; programs: number };
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

type CodeTables = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Addon {
  rows(): readonly { readonly name: string; readonly inPlace: boolean }[];
  pointwise(): readonly { readonly name: string }[];
  /** Names of what a rule has, with spaces between; numbers in addons of before. */
  updates(): readonly { readonly name: string; readonly states: string; readonly hypers: string | number; readonly flags: string }[];
  /** Absent in addons of before. */
  codes?(): CodeTables;
  info(): NativeInfo;
  setThreads(n: number): void;
  memoryUse(): { weights: number; saved: number; plans: number; data: number; total: number; peak: number; limit: number };
  /** 0: what the system leaves. */
  setMemoryLimit(bytes: number): void;
  memory(bytes: number): ArrayBuffer;
  permutation(rows: Int32Array, key: Uint32Array): void;
  Session: new (options?: { target?: string }) => NativeSession;
}

/** The addon, and the numbers of its rows by name. */
export interface Native {
  readonly addon: Addon;
  /** Path of the addon. */
  readonly file: string;
  row(name: string): number;
  /** Returns whether a row may write an output over an input. */
  inPlace(row: string): boolean;
  opcode(name: string): number;
  rule(name: string): number;
  /** Every rule of updates, and one by its name. */
  readonly updateRules: readonly UpdateRule[];
  updateRule(name: string): UpdateRule;
  opcodeName(opcode: number): string;
}

let native: Native | undefined;

/** Loads the addon on first use. Throws AnnealError (ANNEAL_ADDON_MISSING, ANNEAL_CPU_UNSUPPORTED) that says what to do. */
export function loadNative(): Native {
  native ??= bind(loadAddon());
  return native;
}

/** Throws for an addon that is not ours, or lacks what a record names. */
function bind({ exports, file }: LoadedAddon): Native {
  const addon = exports as Addon;
  if (typeof addon.rows !== 'function') throw new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] ${file} is an addon of another library. ${remedy()}`);
  const natives = addon.rows();
  const rows = new Map(natives.map(({ name }, i) => [name, i]));
  const inPlace = new Set(natives.filter((row) => row.inPlace).map(({ name }) => name));
  const names = addon.pointwise().map(({ name }) => name);
  const opcodes = new Map(names.map((name, i) => [name, i]));
  const rules = addon.updates().filter(({ hypers }) => typeof hypers === 'string').map(ruleOf);
  const ruleNumbers = new Map(rules.map(({ name }, i) => [name, i]));
  for (const op of everyOp) if (op.kind === 'pointwise') numberOf(opcodes, op.opcode, 'native/kernels/pointwise/opcodes.def');
  checkCodes(codes, addon.codes?.() ?? {});
  const ruleNumber = (name: string): number => numberOf(ruleNumbers, name, 'native/kernels/update/rules.def');
  return {
    addon,
    file,
    row: (name) => numberOf(rows, name, 'native/ops.def'),
    inPlace: (row) => inPlace.has(row),
    opcode: (name) => numberOf(opcodes, name, 'native/kernels/pointwise/opcodes.def'),
    rule: ruleNumber,
    updateRules: rules,
    updateRule: (name) => rules[ruleNumber(name)]!,
    opcodeName: (opcode) => names[opcode]!,
  };
}

/** A rule by the names in its row. */
function ruleOf({ name, states, hypers, flags }: ReturnType<Addon['updates']>[number]): UpdateRule {
  const names = (list: string | number): string[] => String(list).split(' ').filter((one) => one !== '');
  return { name, states: names(states), hypers: names(hypers), flags: names(flags) };
}

function numberOf(numbers: ReadonlyMap<string, number>, name: string, table: string): number {
  const number = numbers.get(name);
  if (number === undefined) {
    throw new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] the native addon has no row '${name}' (${table}): it is of another version than this library. ${remedy()}`);
  }
  return number;
}

/** Throws where a number that both sides have differs, or one of them lacks it. */
function checkCodes(ours: CodeTables, native: CodeTables): void {
  for (const table of new Set([...Object.keys(ours), ...Object.keys(native)])) {
    for (const name of new Set([...Object.keys(ours[table] ?? {}), ...Object.keys(native[table] ?? {})])) {
      const [expected, got] = [ours[table]?.[name], native[table]?.[name]];
      if (got === expected) continue;
      throw new AnnealError('ANNEAL_ADDON_MISSING', `[anneal] the native addon has ${got ?? 'no number'} for '${name}' of ${table} (native/codes.def), this library ${expected ?? 'none'}: it is of another version than this library. ${remedy()}`);
    }
  }
}
