// The native side behind the library's own TypeScript: whatever its functions and a session's methods are called with, in whatever order, they refuse it with a
// JavaScript error, and the next right call is right. What their C++ makes of words and memory is fuzzed natively (native/fuzz).
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { info, memory, setMemoryLimit, setThreads } from 'anneal';
import { codes } from '../../src/ops/codes.js';
import { loadNative, type NativeSession } from '../../src/runtime/binding.js';
import { HOSTILE } from './values.js';

type Call = (...values: readonly unknown[]) => unknown;

const { addon, row } = loadNative();
const threads = info().threads;
// Blocks of any size are asked for, beside what other tests of this process have.
beforeEach(() => setMemoryLimit(memory().native + 2 ** 28));
afterAll(() => (setThreads(threads), setMemoryLimit(undefined)));

/** Copies four bytes of storage 0 into storage 1. */
function copyProgram(): Uint32Array {
  const { magic, version, header, none } = codes.format;
  const buffer = (of: number): number[] => [codes.spaces.storage, codes.dtypes.uint8, of, 0, 0, 4, 0, 0];
  const view = (of: number): number[] => [of, 0, 1, 0, 4, ...Array.from({ length: 7 }, () => 0), 1, ...Array.from({ length: 7 }, () => 0)];
  const body = [...buffer(0), ...buffer(1), ...view(0), ...view(1), row('copy'), 1, 1, 0, none, 0, 0, 0, 1, 0];
  return Uint32Array.from([magic, version, header + body.length, 2, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...body]);
}

const likely: readonly (() => unknown)[] = [
  ...[0, 1, 2, 3, 4, 5, 2 ** 31 - 1, true, false].map((value) => () => value),
  copyProgram,
  () => copyProgram().subarray(0, 20),
  () => Int32Array.of(1, 2),
  () => Int32Array.of(1, 1),
  () => Int32Array.of(-1, 99),
  () => new Int32Array(0),
  () => new Uint8Array(0),
  () => new Uint8Array(7),
];
const values = fc.array(fc.oneof({ arbitrary: fc.constantFrom(...likely), weight: 3 }, fc.constantFrom(...HOSTILE)), { maxLength: 9 });

/** Calls, and fails for anything but a result or an error. A promise is awaited: a run that was queued is over when the next call comes. */
async function attempt(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

async function copies(session: NativeSession): Promise<void> {
  const ids = Int32Array.of(session.allocate(4, false), session.allocate(4, true));
  const program = session.load(copyProgram());
  await session.run(program, ids, new Uint8Array(0), 1, false, 0);
  expect(session.run(program, ids, new Uint8Array(0), 1, true, 0)).toBe(undefined);
}

test.each(Object.keys(addon).filter((name) => name !== 'Session'))('%s', async (name) => {
  const call = (addon as unknown as Record<string, Call>)[name]!;
  for (const make of HOSTILE) await attempt(() => call(make()));
  await fc.assert(fc.asyncProperty(values, (makers) => attempt(() => call(...makers.map((make) => make())))), { numRuns: 100, seed: 1 });
});

describe('a session', () => {
  const METHODS = ['allocate', 'free', 'load', 'unload', 'run', 'run', 'run', 'cancel', 'drain', 'stats'] as const;

  test('whatever is asked of it, a right call is right', async () => {
    const calls = fc.array(fc.tuple(fc.constantFrom(...METHODS), values), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(calls, async (asked) => {
        const session = new addon.Session({ target: 'reference' });
        session.load(copyProgram());
        session.allocate(4, false);
        session.allocate(4, false);
        for (const [name, makers] of asked) await attempt(() => (session[name] as Call)(...makers.map((make) => make())));
        await copies(session);
        session.dispose();
        await attempt(() => session.allocate(4, false));
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test('methods of what is none, and a class without new', () => {
    for (const name of METHODS) {
      for (const self of [{}, null, 1, new Uint8Array(3), new Date()]) expect(() => (addon.Session.prototype[name] as Call).call(self, 8, false)).toThrow(TypeError);
    }
    expect(() => (addon.Session as unknown as Call)({})).toThrow(TypeError);
  });

  test('arrays whose memory goes away, or is resized, while a run waits', async () => {
    const session = new addon.Session({});
    const ids = Int32Array.of(session.allocate(4, false), session.allocate(4, false));
    const slots = new Uint8Array(0);
    const done = session.run(session.load(copyProgram()), ids, slots, 1, false, 0);
    structuredClone(ids, { transfer: [ids.buffer] });
    await done;
    expect(ids.length).toBe(0);
    await copies(session);
    session.dispose();
  });
});
