// Writes 50 training steps as a program file (native/program_file.h) that replay runs without Node.js, and prints the hash
// that replay has to print: FNV-1a-64 of everything that the steps have written.
//
//     tsx --conditions=anneal-source scripts/record-program.ts <file>
import { writeFileSync } from 'node:fs';
import { losses, nn, optim, seed, tensor } from 'anneal';
import { engine } from '../src/graph/engine.js';
import { loadNative } from '../src/runtime/binding.js';
import { PlannedEngine } from '../src/runtime/engine.js';
import type { Call, Session } from '../src/runtime/session.js';

const STEPS = 50;
/** Sizes that are wide, narrow and odd, so that packed, direct and partial tiles all run. */
const [BATCH, INPUTS, CLASSES] = [70, 97, 10];

/** Word layout of native/program.h. */
const HEADER = 16;
const BUFFER_WORDS = 8;
const SPACE = { storage: 1, output: 3 } as const;
const UINT8 = 3;
const NONE = 0xffffffff;

interface Recording {
  readonly words: Uint32Array;
  readonly ids: Int32Array;
  readonly storages: readonly Uint8Array[];
  readonly views: readonly Uint8Array[];
  readonly slots: Uint8Array[];
}

/** Trains, and keeps what each step hands to the native side. A model with dropout, and a rate that changes, so that slots do. */
async function record(session: Session): Promise<Recording> {
  seed(3);
  const model = nn.sequential(
    [INPUTS],
    nn.linear(INPUTS, 130),
    nn.relu(),
    nn.dropout(0.25),
    nn.linear(130, 66),
    nn.gelu(),
    nn.linear(66, 33),
    nn.tanh(),
    nn.linear(33, 17),
    nn.sigmoid(),
    nn.linear(17, CLASSES),
  );
  const optimizer = optim.adam(model.parameters(), { lr: (step) => 0.01 / (1 + step), weightDecay: 0.01 });
  const inputs = tensor(Float32Array.from({ length: BATCH * INPUTS }, (_, i) => Math.sin(i * i)), { shape: [BATCH, INPUTS] });
  const labels = tensor(Int32Array.from({ length: BATCH }, (_, i) => (i * 7) % CLASSES));
  // Values that exist before the first step, so that every call below is a step.
  for (const parameter of model.parameters()) await parameter.data();

  let recording: Recording | undefined;
  const submit = session.submit.bind(session);
  session.submit = (call, options) => {
    recording ??= first(session, call);
    if (recording.words !== call.program.words) throw new Error('a step made another program than the one before');
    recording.slots.push(call.slots.slice());
    return submit(call, options);
  };
  for (let step = 0; step < STEPS; step++) {
    const loss = losses.crossEntropy(model.forward(inputs), labels);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
  }
  session.submit = submit;
  return recording!;
}

/** What the first step finds. */
function first(session: Session, { program, storages, views }: Call): Recording {
  const bytes = storageBytes(program.words);
  return {
    words: program.words,
    ids: storages.slice(),
    storages: Array.from(storages, (id, i) => read(session, id, bytes[i]!)),
    views: views.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice()),
    slots: [],
  };
}

/** The sizes of a program's storages, by index. */
function storageBytes(words: Uint32Array): number[] {
  const bytes: number[] = [];
  for (let b = 0; b < words[3]!; b++) {
    const at = HEADER + b * BUFFER_WORDS;
    if (words[at + 7] !== 0) throw new Error('the program has views that advance, which a recording of single steps does not hold');
    if (words[at] === SPACE.storage) bytes[words[at + 2]!] = Math.max(bytes[words[at + 2]!] ?? 0, words[at + 3]! + words[at + 5]!);
  }
  return bytes;
}

/** The bytes of a storage, by way of a program that copies them into an array. */
function read(session: Session, id: number, bytes: number): Uint8Array {
  const buffer = (space: number): number[] => [space, UINT8, 0, 0, 0, bytes, 0, 0];
  const vector = (of: number): number[] => [of, 0, 1, 0, bytes, ...Array.from({ length: 7 }, () => 0), 1, ...Array.from({ length: 7 }, () => 0)];
  const copy = [loadNative().row('copy'), 1, 1, 0, NONE, 10, 0, 0, 0, 1];
  const body = [...buffer(SPACE.output), ...buffer(SPACE.storage), ...vector(0), ...vector(1), ...copy];
  const words = Uint32Array.from([0x4c4e4e41, 1, HEADER + body.length, 2, 2, 1, 1, 1, 0, 0, 0, 10, 0, 0, 0, 0, ...body]);
  const program = session.native.load(words);
  const contents = new Uint8Array(bytes);
  session.native.drain();
  const pending = session.native.run(program, Int32Array.of(id), [contents], new Uint8Array(0), 1, true);
  if (pending !== undefined) throw new Error('the session is not idle');
  session.native.unload(program);
  return contents;
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

const current = engine();
if (!(current instanceof PlannedEngine)) throw new Error('there is nothing to record in eager mode');
const recording = await record(current.session);
writeFileSync(process.argv[2]!, file(recording));
const after = recording.storages.map((before, i) => read(current.session, recording.ids[i]!, before.length));
console.log(fnv(after));
