/** A program with all that a run of it needs. */
export interface Captured {
  readonly words: Uint32Array;
  readonly storages: readonly ArrayBufferView[];
  readonly views: readonly ArrayBufferView[];
  /** One block for each iteration. */
  readonly slots: readonly Uint8Array[];
  readonly repeat: number;
}

const MAGIC = 0x46524e41;
const VERSION = 1;
const ALIGNMENT = 8;

/** The bytes of a program file: native/program_file.h has the layout. */
export function programFile({ words, storages, views, slots, repeat }: Captured): Uint8Array {
  const slotBytes = slots.reduce((sum, block) => sum + block.byteLength, 0);
  const header = Uint32Array.of(MAGIC, VERSION, words.length, storages.length, views.length, repeat, slotBytes, 0);
  const sized = (view: ArrayBufferView): ArrayBufferView[] => [BigUint64Array.of(BigInt(view.byteLength)), view];
  const sections = [header, words, ...storages.flatMap(sized), ...views.flatMap(sized), ...slots];
  const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(sections.reduce((sum, section) => sum + padded(section.byteLength), 0));
  let at = 0;
  for (const section of sections) {
    file.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at);
    at += padded(section.byteLength);
  }
  return file;
}
