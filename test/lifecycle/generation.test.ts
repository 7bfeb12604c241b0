// Text that is generated beside a server: no new plans, memory that comes back, and turns of the event loop. A short form runs with all tests; `npm run test:soak` generates 200,000 tokens for
// prompts of 2,000 random lengths, prints the figures, and holds the event loop to its limit.
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { nn, seed, text, type Tensor } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { Programs } from '../../src/runtime/programs.js';

const whole = process.env['ANNEAL_SOAK'] === '1';
const [TOKENS, PROMPTS] = whole ? [200_000, 2000] : [1000, 10];
/** Equal parts of the run, after each of which the memory is looked at. */
const PARTS = 10;
const [V, C] = [65, 64];

class Writer extends nn.Module {
  readonly tokens = nn.embedding(V, 32);
  readonly positions = nn.learnedPositions(C, 32);
  readonly blocks = [0, 1].map(() => nn.transformerEncoderLayer(32, 4, { dimFeedforward: 128, isCausal: true, normFirst: true }));
  readonly head = nn.linear(32, V);
  override forward(tokens: Tensor): Tensor {
    return this.head.forward(this.blocks.reduce((x, block) => block.forward(x), this.positions.forward(this.tokens.forward(tokens as never) as Tensor))) as Tensor;
  }
}

let asked = 0;
const server = createServer((_, response) => response.end('here'));
beforeAll(() => new Promise<void>((done) => server.listen(0, done)));
afterAll(() => void server.close());

async function ask(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise<void>((done) => get({ port: (server.address() as AddressInfo).port, agent: false }, (response) => response.resume().on('end', done)));
    asked++;
  }
}

/** Delays of the event loop while the server is asked and `fn` runs, in ms, by a monitor that looks every 5 ms, which is part of them. */
async function delaysBeside(fn: () => Promise<void>): Promise<{ readonly p99: number; readonly longest: number }> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const stop = new AbortController();
  const asking = ask(stop.signal);
  delay.enable();
  await fn();
  delay.disable();
  stop.abort();
  await asking;
  return { p99: delay.percentile(99) / 1e6, longest: delay.max / 1e6 };
}

test(`${TOKENS} tokens for ${PROMPTS} prompts make no plan, keep no memory, and let a server answer`, { timeout: 3_600_000 }, async () => {
  seed(1);
  const model = new Writer();
  let state = 7;
  const drawn = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const promptOf = (length: number): number[] => Array.from({ length }, () => drawn(V));
  for (const length of [1, 20, 40, 64]) await text.generate(model, promptOf(length), { maxTokens: 70 }).texts();
  const { p99: without } = await delaysBeside(() => new Promise((resolve) => setTimeout(resolve, whole ? 3000 : 20)));
  const stats = () => (engine() as RuntimeEngine).session.native.stats();
  const megabytes = (): number => Math.round(process.memoryUsage.rss() / 1e5) / 10;
  const memory = stats().storageBytes;
  const rss = [megabytes()];
  const plans = vi.spyOn(Programs.prototype as unknown as { makePlan(): unknown }, 'makePlan');
  let tokens = 0;
  asked = 0;
  const start = performance.now();
  const delays = await delaysBeside(async () => {
    for (let prompt = 0; prompt < PROMPTS; prompt++) {
      for await (const _ of text.generate(model, promptOf(1 + drawn(C)), { maxTokens: TOKENS / PROMPTS, seed: prompt, topK: 20 })) tokens++;
      if ((prompt + 1) % (PROMPTS / PARTS) === 0) rss.push(megabytes());
    }
  });
  const perSecond = Math.round((1000 * tokens) / (performance.now() - start));
  if (whole) console.log(`${tokens} generated tokens: ${JSON.stringify({ perSecond, plans: plans.mock.calls.length, rss, answers: asked, ...delays, without })}`);
  expect(tokens).toBe(TOKENS);
  expect(plans).not.toHaveBeenCalled();
  expect(stats().storageBytes).toBeLessThanOrEqual(memory);
  // From the third sample on: before, caches fill up.
  expect(Math.max(...rss.slice(3)) - rss[2]!, String(rss)).toBeLessThan(60);
  expect(asked).toBeGreaterThan(5);
  // A machine that is busy with other things delays what does not generate.
  const quiet = without <= 12;
  if (whole && !quiet) console.log('the event loop was not judged: this machine is busy');
  if (whole && quiet) expect(delays.p99).toBeLessThanOrEqual(20);
});
