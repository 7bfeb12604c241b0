// Long runs, and company: memory stays flat, and whatever ends in the middle of a step ends as it would without. A short form runs with all tests; `npm run test:soak`
// runs the whole, prints the figures, and holds the event loop to its limit. docs/reliability.md keeps those figures.
import { afterAll, describe, expect, test } from 'vitest';
import { Programs, runFile } from './programs.js';

const whole = process.env['ANNEAL_SOAK'] === '1';
const programs = new Programs();
afterAll(() => programs.remove());

/** So many in the short form, and in the whole. */
const times = (short: number, full: number): number => (whole ? full : short);
const LONG = { timeout: whole ? 3_600_000 : 120_000 };

function show(what: string, figures: object): void {
  if (whole) console.log(`${what}: ${JSON.stringify(figures)}`);
}

/** Runs a program that prints its figures as JSON. */
async function figuresOf<F>(body: string): Promise<F> {
  const { code, signal, out, errors } = await programs.run(body, { options: ['--expose-gc', '--no-warnings'] });
  expect({ code, signal, errors }).toEqual({ code: 0, signal: null, errors: '' });
  return JSON.parse(out) as F;
}

interface Flat {
  /** Resident memory in MB, after equal parts of the run, and native memory. */
  readonly rss: number[];
  readonly native: number[];
}

/** Runs `part(count)` ten times, and looks at the memory after each. */
const sampling = `
const rss = [], native = [];
async function sample(count, part) {
  for (let i = 0; i < 10; i++) {
    await part(Math.ceil(count / 10));
    for (let turn = 0; turn < 3; turn++) { globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
    rss.push(Math.round(process.memoryUsage.rss() / 1e5) / 10);
    native.push(memory().native / 1e6);
  }
  console.log(JSON.stringify({ rss, native }));
}
`;

/** From the third sample on: before, caches fill up. */
function expectFlat({ rss, native }: Flat, megabytes: number): void {
  expect(Math.max(...rss.slice(3)) - rss[2]!, String(rss)).toBeLessThan(megabytes);
  // Less than two of the models, or than what plans of all shapes need.
  expect(Math.max(...native.slice(3)) - native[2]!, String(native)).toBeLessThan(3);
}

describe('memory is flat', () => {
  test('over small steps', LONG, async () => {
    const steps = times(10_000, 1_000_000);
    const flat = await figuresOf<Flat>(`
      import { losses, memory, nn, optim, tensor } from 'anneal';
      const model = nn.sequential([8], nn.linear(8, 16), nn.relu(), nn.linear(16, 3));
      const optimizer = optim.adam(model.parameters());
      const labels = tensor([0, 1, 2, 1], { dtype: 'int32' });
      ${sampling}
      await sample(${steps}, async (count) => {
        for (let i = 0; i < count; i++) {
          const loss = losses.crossEntropy(model.forward(tensor(new Float32Array(32).fill(i % 5), { shape: [4, 8] })), labels);
          optimizer.zeroGrad();
          loss.backward();
          await optimizer.step();
          if (i % 100 === 0) await loss.item();
        }
      });`);
    show(`${steps} steps`, flat);
    expectFlat(flat, 30);
  });

  test('over models that are made, trained and disposed of', LONG, async () => {
    const cycles = times(60, 1000);
    const flat = await figuresOf<Flat>(`
      import { data, losses, memory, nn, optim, Trainer } from 'anneal';
      const set = data.fromArrays({ x: new Float32Array(64 * 128), y: new Int32Array(64), shape: [128] });
      ${sampling}
      await sample(${cycles}, async (count) => {
        for (let i = 0; i < count; i++) {
          const model = nn.sequential([128], nn.linear(128, 512), nn.batchNorm1d(512), nn.relu(), nn.dropout(0.1), nn.linear(512, 10));
          const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });
          await trainer.fit(set, { epochs: 2, batchSize: 16, shuffle: true });
          // Every other one is left to the collector.
          if (i % 2 === 0) for (const parameter of model.parameters()) parameter.dispose();
        }
      });`);
    show(`${cycles} models`, flat);
    expectFlat(flat, 60);
  });

  test('over plans', LONG, async () => {
    const plans = times(600, 10_000);
    const flat = await figuresOf<Flat>(`
      import { memory, nn, optim, zeros } from 'anneal';
      const model = nn.linear(7, 3);
      const optimizer = optim.sgd(model.parameters(), { lr: 0.01 });
      let made = 0;
      ${sampling}
      await sample(${plans}, async (count) => {
        for (let i = 0; i < count; i++) {
          // A shape that was not there before, in a step and in what is read.
          const rows = ++made;
          if (i % 2 === 0) {
            model.forward(zeros([rows % 500 + 1, Math.floor(rows / 500) + 1, 7])).sum().backward();
            await optimizer.step();
          } else await zeros([rows % 500 + 1, Math.floor(rows / 500) + 1]).add(1).mul(2).sum().item();
        }
      });`);
    show(`${plans} plans`, flat);
    expectFlat(flat, 60);
  });
});

/** Training with steps of some milliseconds, a number of threads at a time. */
const training = `
import { losses, nn, optim, seed, zeros } from 'anneal';
seed(1);
const model = nn.sequential([256], nn.linear(256, 1024), nn.relu(), nn.linear(1024, 10));
const optimizer = optim.sgd(model.parameters(), { lr: 0.01 });
const [x, labels] = [zeros([128, 256]).add(0.5), zeros([128], { dtype: 'int32' })];
const step = () => { optimizer.zeroGrad(); losses.crossEntropy(model.forward(x), labels).backward(); return optimizer.step(); };
`;

const workerOf = (body: string): Promise<string> => programs.script(`${training} import { parentPort, workerData } from 'node:worker_threads'; ${body}`);

test('eight workers train at once, and end with the same weights', LONG, async () => {
  const steps = times(15, 2000);
  const worker = await workerOf(`for (let i = 0; i < ${steps}; i++) await step(); parentPort.postMessage(Buffer.from((await model.parameters()[0].data()).buffer).toString('base64'));`);
  const { code, out, errors } = await programs.run(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const workers = Array.from({ length: 8 }, () => new Worker(${JSON.stringify(worker)}));
    const weights = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    console.log(new Set(weights).size, weights[0].length > 1000);`);
  expect({ code, out, errors }).toEqual({ code: 0, out: '1 true\n', errors: '' });
});

describe('what ends in the middle of a step', () => {
  test('workers that are terminated: the others, and the main thread, train on', LONG, async () => {
    const count = times(4, 100);
    const worker = await workerOf("await step(); parentPort.postMessage('training'); for (;;) await step();");
    const { code, signal, out, errors } = await programs.run(`
      ${training}
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const own = (async () => { for (let i = 0; i < 50; i++) await step(); return (await model.parameters()[1].data())[0]; })();
      for (let i = 0; i < ${count}; i++) {
        const worker = new Worker(${JSON.stringify(worker)});
        await once(worker, 'message');
        await new Promise((resolve) => setTimeout(resolve, i % 10));
        await worker.terminate();
      }
      console.log(Number.isFinite(await own));`);
    expect({ code, signal, out, errors }).toEqual({ code: 0, signal: null, out: 'true\n', errors: '' });
  });

  const COUNT = times(2, 100);
  test('process.exit()', LONG, async () => {
    const file = await programs.script(`${training} await step(); void step(); void step(); setTimeout(() => process.exit(7), Number(process.env['DELAY']));`);
    for (let i = 0; i < COUNT; i++) expect(await runFile(file, { env: { DELAY: String(i % 8) } })).toEqual({ code: 7, signal: null, out: '', errors: '' });
  });

  test('uncaught errors', LONG, async () => {
    const file = await programs.script(`${training} await step(); void step(); setTimeout(() => { throw new Error('on purpose'); }, Number(process.env['DELAY']));`);
    for (let i = 0; i < COUNT; i++) {
      const { code, signal, errors } = await runFile(file, { env: { DELAY: String(i % 8) } });
      expect({ code, signal }).toEqual({ code: 1, signal: null });
      expect(errors).toContain('on purpose');
    }
  });

  test('callbacks of fit that throw or reject: fit rejects with their error, and the next one goes on', LONG, async () => {
    const count = times(10, 100);
    const { code, out, errors } = await programs.run(`
      ${training.replace('import {', 'import { data, Trainer,')}
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
      const set = data.fromArrays({ x: new Float32Array(256 * 512), y: new Int32Array(512), shape: [256] });
      const options = { epochs: 1, batchSize: 64, shuffle: true };
      let same = 0;
      for (let i = 0; i < ${count}; i++) {
        const error = new Error('on purpose');
        const fail = i % 2 === 0 ? () => { throw error; } : async () => { await null; throw error; };
        const hook = ['onStep', 'onEpochStart', 'onEpochEnd'][i % 3];
        await trainer.fit(set, { ...options, callbacks: { [hook]: fail } }).catch((caught) => { same += caught === error; });
        await trainer.fit(set, options);
      }
      console.log(same);`);
    expect({ code, out, errors }).toEqual({ code: 0, out: `${count}\n`, errors: '' });
  });
});

test('predictions of a server while a model trains are those that it makes alone', LONG, async () => {
  const requests = times(100, 20_000);
  const figures = await figuresOf<{ readonly different: number; readonly steps: number; readonly p99: number; readonly longest: number; readonly without: number }>(`
    import { createServer } from 'node:http';
    import { monitorEventLoopDelay } from 'node:perf_hooks';
    import { noGrad, tensor } from 'anneal';
    ${training}
    const serving = nn.sequential([256], nn.linear(256, 512), nn.relu(), nn.dropout(0.5), nn.linear(512, 10));
    serving.eval();
    const rows = Array.from({ length: 50 }, (_, i) => Float32Array.from({ length: 256 }, (_, j) => Math.sin(i * 256 + j)));
    const predict = async (i) => [...await noGrad(() => serving.forward(tensor(rows[i], { shape: [1, 256] }))).data()];
    const alone = [];
    for (let i = 0; i < rows.length; i++) alone.push(JSON.stringify(await predict(i)));
    const answer = async (i) => (predicts ? JSON.stringify(await predict(i)) : alone[i]);
    const server = createServer(async (request, response) => response.end(await answer(Number(request.url.slice(1))))).listen(0);
    await new Promise((resolve) => server.once('listening', resolve));
    let [predicts, trains, steps, different] = [false, true, 0, 0];
    /** Delays of the event loop while so many requests are answered, in ms. */
    const serve = async (count) => {
      const delay = monitorEventLoopDelay({ resolution: 5 });
      delay.enable();
      let next = 0;
      const ask = async () => {
        while (next < count) {
          const i = next++ % rows.length;
          const got = await (await fetch('http://127.0.0.1:' + server.address().port + '/' + i)).text();
          different += got !== alone[i];
        }
      };
      await Promise.all(Array.from({ length: 8 }, ask));
      delay.disable();
      return { p99: delay.percentile(99) / 1e6, longest: delay.max / 1e6 };
    };
    const { p99: without } = await serve(${requests} / 4);
    predicts = true;
    const trained = (async () => { while (trains) { await step(); steps++; } })();
    await step();
    const delays = await serve(${requests});
    trains = false;
    await trained;
    server.close();
    server.closeAllConnections();
    console.log(JSON.stringify({ different, steps, ...delays, without }));`);
  show(`${requests} predictions while training`, figures);
  expect(figures.different).toBe(0);
  expect(figures.steps).toBeGreaterThan(1);
  // Of a monitor that looks every 5 ms, which is part of the figure. A machine that is busy with other things delays what neither trains nor predicts.
  const quiet = figures.without <= 12;
  if (whole && !quiet) console.log('the event loop was not judged: this machine is busy');
  if (whole && quiet) expect(figures.p99).toBeLessThanOrEqual(20);
});
