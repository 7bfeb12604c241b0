// Every target that this machine has, forced: the same bits where that is promised, close where it is not.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { info } from 'anneal';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const STEPS = 3;
/** The baseline has no fused multiply-add, and the references are another computation. */
const OUTSIDE_THE_PROMISE = ['baseline', 'reference'];

const run = promisify(execFile);

// Eager mode runs on the references, whatever the target.
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1')('all weights after steps through every kernel', () => {
  const compiled = new Compiled();
  let script: string;
  let folder: string;
  let expected: Buffer;

  /** In a process of its own. */
  async function weights(env: Readonly<Record<string, string>>): Promise<Buffer> {
    const file = join(folder, Object.values(env).join('-'));
    await run(process.execPath, [script, String(STEPS), file], { env: { ...process.env, ...env } });
    return readFileSync(file);
  }

  beforeAll(async () => {
    script = await compiled.script(fileURLToPath(new URL('every-kernel-steps.ts', import.meta.url)));
    folder = mkdtempSync(join(tmpdir(), 'anneal-targets-'));
    expected = await weights({ ANNEAL_THREADS: '1' });
  });
  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true });
  });

  const { targets } = info();
  const promised = targets.filter((target) => !OUTSIDE_THE_PROMISE.includes(target));

  test.each(['2', '3', '4'])('have the same bits with %s threads', async (threads) => {
    expect((await weights({ ANNEAL_THREADS: threads })).equals(expected)).toBe(true);
  });

  test.each(promised)('have the same bits on %s', async (target) => {
    expect((await weights({ ANNEAL_TARGET: target, ANNEAL_THREADS: '2' })).equals(expected)).toBe(true);
  });

  test.each(targets.filter((target) => OUTSIDE_THE_PROMISE.includes(target)))('are close on %s', async (target) => {
    const got = floats(await weights({ ANNEAL_TARGET: target }));
    const wanted = floats(expected);
    expect(got.length).toBe(wanted.length);
    const far = got.findIndex((value, i) => !(Math.abs(value - wanted[i]!) <= 1e-4 + 1e-5 * Math.abs(wanted[i]!)));
    expect(far, `element ${far}: ${got[far]} and ${wanted[far]}`).toBe(-1);
  });
});

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
}
