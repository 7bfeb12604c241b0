// A step that does not end is named once, and one that ends late because JavaScript was busy is not.
import { afterAll, afterEach, expect, test } from 'vitest';
import { configure } from 'anneal';
import { Programs } from './programs.js';

const programs = new Programs();
afterAll(() => programs.remove());
afterEach(() => configure({}));

/** Steps of a tenth of a second or so, by as many products as that takes here. */
const prelude = `
import { configure, losses, nn, optim, zeros } from 'anneal';
process.on('warning', ({ code, message }) => console.log(code, message));
const layers = Array.from({ length: 3 }, () => nn.linear(1024, 1024));
const model = nn.sequential([1024], ...layers);
const optimizer = optim.sgd(model.parameters(), { lr: 1e-6 });
let rows = 64;
const step = () => { losses.meanSquaredError(model.forward(zeros([rows, 1024])), zeros([rows, 1024])).backward(); return optimizer.step(); };
for (let ms = 0; ms < 100; ) {
  rows *= 2;
  await step();
  const start = performance.now();
  await step();
  ms = performance.now() - start;
}
`;
const turn = 'await new Promise((resolve) => setTimeout(resolve, 20));';

const run = (body: string) => programs.run(prelude + body, { options: ['--no-warnings'] });

test('a step that takes longer than was set is named, with its time and its estimate, once', async () => {
  const { out, code } = await run(`configure({ watchdogSeconds: 0.01 }); for (let i = 0; i < 3; i++) await step(); ${turn}`);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^ANNEAL_STEP_HANGS \[step\] a step or prediction does not end: it has run for \d+\.\d s, and was estimated at 0\.\d+ s\. It goes on\. .*configure\({ watchdogSeconds }\) sets after what time\.\n$/,
  );
});

test('nothing is said of steps that end in time, however many, nor by default, nor where nobody watches', async () => {
  const { out, code } = await run(`await step(); configure({ watchdogSeconds: 1.5 }); rows = 64; for (const start = performance.now(); performance.now() - start < 2000; ) await step(); configure({ watchdogSeconds: Infinity }); await step(); ${turn}`);
  expect({ out, code }).toEqual({ out: '', code: 0 });
});

test('nor of a step that was over while JavaScript was busy', async () => {
  const busy = 'const until = performance.now() + 1500; while (performance.now() < until);';
  const { out, code } = await run(`configure({ watchdogSeconds: 1.2 }); const done = step(); setTimeout(() => { ${busy} }, 1); await done; ${turn}`);
  expect({ out, code }).toEqual({ out: '', code: 0 });
});

test('its timer keeps no process alive', async () => {
  const start = performance.now();
  const { code } = await run('configure({ watchdogSeconds: 600 }); await step();');
  expect(code).toBe(0);
  expect(performance.now() - start).toBeLessThan(300_000);
});

test('times that are none', () => {
  for (const watchdogSeconds of [0, -1, NaN, '1', null]) {
    expect(() => configure({ watchdogSeconds: watchdogSeconds as number })).toThrow(/^\[configure\] watchdogSeconds: got .*, expected a number above 0; Infinity for no watchdog\.$/);
  }
});
