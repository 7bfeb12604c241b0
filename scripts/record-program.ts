// Writes 50 training steps as a program file (native/program_file.h) that replay runs without Node.js, and prints the hash
// that replay has to print: FNV-1a-64 of everything that the steps have written. The steps run every kernel there is.
//
//     tsx --conditions=anneal-source scripts/record-program.ts <file>
import { writeFileSync } from 'node:fs';
import { codes } from '../src/ops/codes.js';
import { COPY, ELEMENTWISE } from '../src/ops/emitter.js';
import { UPDATE, UPDATE_ROWS } from '../src/ops/updates.js';
import { loadNative } from '../src/runtime/binding.js';
import { RuntimeEngine } from '../src/runtime/engine.js';
import { plannedMode } from '../src/runtime/mode.js';
import type { Submission, Session } from '../src/runtime/session.js';
import { everyKernel } from '../test/determinism/every-kernel.js';

const STEPS = 50;

const { magic: MAGIC, version: VERSION, header: HEADER, buffer: BUFFER_WORDS, tensor: TENSOR_WORDS, instruction: INSTRUCTION_WORDS, none: NONE } = codes.format;
const SPACE = codes.spaces;
const UINT8 = codes.dtypes.uint8;

interface Recording {
  readonly words: Uint32Array;
  readonly ids: Int32Array;
  readonly storages: readonly Uint8Array[];
  readonly views: readonly Uint8Array[];
  readonly slots: Uint8Array[];
}

/** Trains, and keeps what each step hands to the native side. */
async function record(session: Session): Promise<Recording> {
  const { step } = everyKernel();
  // The first step also makes the parameters' first values, by programs of their own.
  await step();
  let recording: Recording | undefined;
  const submit = session.submit.bind(session);
  session.submit = (call, options) => {
    recording ??= first(session, call);
    if (recording.words !== call.program.words) throw new Error('a step made another program than the one before');
    recording.slots.push(call.slots.slice());
    return submit(call, options);
  };
  for (let i = 0; i < STEPS; i++) await step();
  await session.synchronize();
  session.submit = submit;
  return recording!;
}

/** State that the first step finds. */
function first(session: Session, { program, storages, externals }: Submission): Recording {
  const sizes = storageBytes(program.words);
  const advance = viewAdvance(program.words);
  return {
    words: program.words,
    ids: storages.slice(),
    storages: Array.from(storages, (id, i) => read(session, id, sizes[i]!)),
    views: externals.map((view, i) => {
      const bytes = new Uint8Array(view.byteLength + (STEPS - 1) * (advance[i] ?? 0));
      bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      return bytes;
    }),
    slots: [],
  };
}

/** The sizes of a program's storages, by index. */
function storageBytes(words: Uint32Array): number[] {
  const bytes: number[] = [];
  for (const { space, index, end } of buffersOf(words)) if (space === SPACE.storage) bytes[index] = Math.max(bytes[index] ?? 0, end);
  return bytes;
}

/** Distance that each view moves from one step to the next, by index: those that hold the results of all steps. */
function viewAdvance(words: Uint32Array): number[] {
  const advances: number[] = [];
  for (const { space, index, advance } of buffersOf(words)) {
    if (advance === 0) continue;
    if (space !== SPACE.output) throw new Error('the program reads on from step to step, which a recording of single steps does not hold');
    advances[index] = advance;
  }
  return advances;
}

function buffersOf(words: Uint32Array): { space: number; index: number; end: number; advance: number }[] {
  return Array.from({ length: words[3]! }, (_, b) => {
    const at = HEADER + b * BUFFER_WORDS;
    return { space: words[at]!, index: words[at + 2]!, end: words[at + 3]! + words[at + 5]!, advance: words[at + 7]! };
  });
}

/** The bytes of a storage, by way of a program that copies them into an array. */
function read(session: Session, id: number, bytes: number): Uint8Array {
  const buffer = (space: number): number[] => [space, UINT8, 0, 0, 0, bytes, 0, 0];
  const vector = (of: number): number[] => [of, 0, 1, 0, bytes, ...Array.from({ length: 7 }, () => 0), 1, ...Array.from({ length: 7 }, () => 0)];
  const copy = [loadNative().row(COPY), 1, 1, 0, NONE, 10, 0, 0, 0, 1];
  const body = [...buffer(SPACE.output), ...buffer(SPACE.storage), ...vector(0), ...vector(1), ...copy];
  const words = Uint32Array.from([MAGIC, VERSION, HEADER + body.length, 2, 2, 1, 1, 1, 0, 0, 0, 10, 0, 0, 0, 0, ...body]);
  const program = session.native.load(words);
  const contents = new Uint8Array(bytes);
  session.native.drain();
  const pending = session.native.run(program, Int32Array.of(id), new Uint8Array(0), 1, true, 0, contents);
  if (pending !== undefined) throw new Error('the session is not idle');
  session.native.unload(program);
  return contents;
}

/** Throws where the program lacks a row of native/ops.def, an operation of native/kernels/pointwise/opcodes.def or a rule of native/kernels/update/rules.def. */
function checkComplete(words: Uint32Array): void {
  const { addon } = loadNative();
  const rows = addon.rows().map(({ name }) => name);
  const opcodes = addon.pointwise().map(({ name }) => name);
  const rules = addon.updates().map(({ name }) => name);
  const all = { 'ops.def': rows, 'opcodes.def': opcodes, 'rules.def': rules };
  const missing = new Set(Object.entries(all).flatMap(([table, names]) => names.map((name) => `${table} ${name}`)));
  let at = HEADER + words[3]! * BUFFER_WORDS + words[4]! * TENSOR_WORDS;
  for (let i = 0; i < words[5]!; i++) {
    const [row, outputs, inputs, attrs] = words.subarray(at) as unknown as [number, number, number, number];
    const attributes = words.subarray(at + INSTRUCTION_WORDS + outputs + inputs).subarray(0, attrs);
    missing.delete(`ops.def ${rows[row]!}`);
    if (rows[row] === UPDATE || rows[row] === UPDATE_ROWS) missing.delete(`rules.def ${rules[attributes[0]!]!}`);
    if (rows[row] === ELEMENTWISE) for (let k = 0; k < attributes[0]!; k++) missing.delete(`opcodes.def ${opcodes[attributes[1 + 4 * k]!]!}`);
    at += INSTRUCTION_WORDS + outputs + inputs + attrs;
  }
  if (missing.size > 0) throw new Error(`the recorded steps do not run ${[...missing].join(', ')}: add them to test/determinism/every-kernel.ts`);
}

/** The bits of a NaN are no part of any promise. */
function checkNumbers(storages: readonly Uint8Array[]): void {
  const numbers = storages.map((bytes) => new Float32Array(bytes.buffer, 0, bytes.length / 4));
  const odd = numbers.findIndex((storage) => !storage.every(Number.isFinite));
  if (odd >= 0) throw new Error(`the recorded steps leave a number that is not finite in storage ${odd} of ${numbers[odd]!.length} elements`);
}

/** The file's bytes: every section at a multiple of 8. */
function file({ words, storages, views, slots }: Recording): Uint8Array {
  const parts: Uint8Array[] = [];
  const section = (bytes: Uint8Array): void => {
    parts.push(bytes, new Uint8Array((8 - (bytes.length % 8)) % 8));
  };
  const slotBytes = slots.reduce((sum, block) => sum + block.length, 0);
  section(asBytes(Uint32Array.of(0x46524e41, 1, words.length, storages.length, views.length, slots.length, slotBytes, 0)));
  section(asBytes(words));
  for (const bytes of [...storages, ...views]) {
    section(asBytes(BigUint64Array.of(BigInt(bytes.length))));
    section(bytes);
  }
  section(Buffer.concat(slots));
  return Buffer.concat(parts);
}

const asBytes = (array: Uint32Array | BigUint64Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function fnv(parts: readonly Uint8Array[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const part of parts) for (const byte of part) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}

const current = new RuntimeEngine(plannedMode());
current.install();
const recording = await record(current.session);
checkComplete(recording.words);
const after = recording.storages.map((before, i) => read(current.session, recording.ids[i]!, before.length));
checkNumbers(after);
writeFileSync(process.argv[2]!, file(recording));
console.log(fnv(after));
