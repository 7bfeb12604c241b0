// Text that is generated beside a server: no new plans, memory that comes back, and turns of the event loop. ANNEAL_GENERATE=200000 generates as many tokens, for prompts of 2,000 random lengths.
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { nn, seed, text, type Tensor } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { Programs } from '../../src/runtime/programs.js';

const TOKENS = Number(process.env['ANNEAL_GENERATE'] ?? 1000);
const PROMPTS = Math.max(10, TOKENS / 100);
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

test(`${TOKENS} tokens for ${PROMPTS} prompts make no plan, keep no memory, and let a server answer`, { timeout: 3_600_000 }, async () => {
  seed(1);
  const model = new Writer();
  let state = 7;
  const drawn = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const promptOf = (length: number): number[] => Array.from({ length }, () => drawn(V));
  for (const length of [1, 20, 40, 64]) await text.generate(model, promptOf(length), { maxTokens: 70 }).texts();
  const stats = () => (engine() as RuntimeEngine).session.native.stats();
  const [memory, rss] = [stats().storageBytes, process.memoryUsage().rss];
  const plans = vi.spyOn(Programs.prototype as unknown as { makePlan(): unknown }, 'makePlan');
  const stop = new AbortController();
  const asking = ask(stop.signal);
  let tokens = 0;
  for (let prompt = 0; prompt < PROMPTS; prompt++) {
    for await (const _ of text.generate(model, promptOf(1 + drawn(C)), { maxTokens: TOKENS / PROMPTS, seed: prompt, topK: 20 })) tokens++;
  }
  stop.abort();
  await asking;
  expect(tokens).toBe(TOKENS);
  expect(plans).not.toHaveBeenCalled();
  expect(stats().storageBytes).toBeLessThanOrEqual(memory);
  expect(process.memoryUsage().rss - rss).toBeLessThan(100 * 2 ** 20);
  expect(asked).toBeGreaterThan(5);
});
