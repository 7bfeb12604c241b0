import { afterAll, expect, test } from 'vitest';
import { Programs } from './programs.js';

const programs = new Programs();
afterAll(() => programs.remove());

/** Training with steps of some milliseconds: `step()` submits one. */
const prelude = `
import { losses, nn, optim, seed, zeros } from 'anneal';
seed(1);
const model = nn.sequential([512], nn.linear(512, 2048), nn.relu(), nn.linear(2048, 10));
const optimizer = optim.sgd(model.parameters(), { lr: 0.01 });
const [x, labels] = [zeros([256, 512]), zeros([256], { dtype: 'int32' })];
const step = () => { losses.crossEntropy(model.forward(x), labels).backward(); return optimizer.step(); };
`;

const run = (body: string, env: Readonly<Record<string, string>> = {}) => programs.run(body, { env });

test('a pending promise holds the event loop, an idle session does not', async () => {
  const { code, out } = await run(`${prelude} step().then(() => step()).then(() => console.log('both ran'));`);
  expect({ code, out }).toEqual({ code: 0, out: 'both ran\n' });
});

test('process.exit() in the middle of a step', async () => {
  expect(await run(`${prelude} await step(); void step(); void step(); setTimeout(() => process.exit(7), 3);`)).toMatchObject({ code: 7, signal: null });
});

test('an uncaught error in the middle of a step', async () => {
  const { code, signal, errors } = await run(`${prelude} await step(); void step(); setTimeout(() => { throw new Error('on purpose'); }, 3);`);
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(errors).toContain('on purpose');
});

test('SIGTERM in the middle of a step', async () => {
  expect(await run(`${prelude} await step(); void step(); setTimeout(() => process.kill(process.pid, 'SIGTERM'), 3);`)).toMatchObject({ signal: 'SIGTERM' });
});

test('two worker threads train at once, and one is terminated in the middle of a step', async () => {
  const worker = await programs.script(`${prelude}
    import { parentPort } from 'node:worker_threads';
    for (let i = 0; i < 3; i++) await step();
    parentPort!.postMessage((await model.parameters()[1]!.data())[0]);
    for (;;) await step();`);
  const { code, out, errors } = await run(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const workers = [0, 1].map(() => new Worker(${JSON.stringify(worker)}));
    const [[a], [b]] = await Promise.all(workers.map((w) => once(w, 'message')));
    const start = performance.now();
    await Promise.all(workers.map((w) => w.terminate()));
    console.log(a === b, performance.now() - start < 2000);
  `);
  expect({ code, out, errors }).toEqual({ code: 0, out: 'true true\n', errors: '' });
});

test('an addon that is named and not there', async () => {
  const { code, errors } = await run(`${prelude} await step();`, { ANNEAL_ADDON: '/nowhere/at/all.node' });
  expect(code).toBe(1);
  expect(errors).toContain('ANNEAL_ADDON_MISSING');
  expect(errors).toMatch(/looked for \S*all\.node\. ANNEAL_ADDON names it/);
});

test('a target that this machine does not have', async () => {
  const { code, errors } = await run(`${prelude} await step();`, { ANNEAL_TARGET: 'avx9000' });
  expect(code).toBe(1);
  expect(errors).toContain('ANNEAL_INVALID_ARGUMENT');
  expect(errors).toContain('avx9000');
});
