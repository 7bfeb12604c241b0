import { configure } from 'anneal';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { EagerMode } from '../../src/runtime/eager.js';
import { RuntimeEngine } from '../../src/runtime/engine.js';
import { plannedMode } from '../../src/runtime/mode.js';
import { loadNative } from '../../src/runtime/binding.js';
import { Model, runLoop } from './interpreter.js';
import { program, type ProgramSpec } from './language.js';

/** 10,000 with ANNEAL_PROGRAMS=10000 (npm run test:programs). */
const RUNS = Number(process.env['ANNEAL_PROGRAMS'] ?? 100);

function runAll(spec: ProgramSpec): Promise<number[][]> {
  return Promise.all(spec.loops.map(({ model, steps }, i) => runLoop(new Model(model, `model${i}`), steps)));
}

/** Fused and replayed against op by op at once, on the same kernels: the same arithmetic, so the same bits. */
test(`replay equals eager, bit for bit, for ${RUNS} random programs`, { timeout: 3_600_000 }, async () => {
  const planned = new RuntimeEngine(plannedMode());
  const eager = new RuntimeEngine(new EagerMode(loadNative().addon.info().target));
  const inMode = async (mode: 'planned' | 'eager', spec: ProgramSpec): Promise<number[][]> => {
    (mode === 'planned' ? planned : eager).install();
    return runAll(spec);
  };
  await fc.assert(
    fc.asyncProperty(program, async (spec) => {
      const replayed = await inMode('planned', spec);
      const direct = await inMode('eager', spec);
      replayed.forEach((log, i) => expect(new Uint32Array(Float32Array.from(log).buffer)).toEqual(new Uint32Array(Float32Array.from(direct[i]!).buffer)));
    }),
    { numRuns: RUNS },
  );
});

// Files of one worker share the engine.
afterAll(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));
