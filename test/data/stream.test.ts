import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fromIterable, loader, originOf, type Loader, type StreamItem } from '../../src/data/index.js';

/** Examples 0, 1, ... that tell what happens to them. */
function source(count: number, failAt = -1): { log: string[]; open: () => AsyncGenerator<StreamItem> } {
  const log: string[] = [];
  async function* open(): AsyncGenerator<StreamItem> {
    try {
      for (let i = 0; i < count; i++) {
        await wait(0);
        if (i === failAt) throw new Error('the disk is gone');
        log.push(`give ${i}`);
        yield { x: Float32Array.of(i, -i), y: i };
      }
      log.push('end');
    } finally {
      log.push('closed');
    }
  }
  return { log, open };
}

async function sizes(batches: Loader): Promise<number[]> {
  const seen: number[] = [];
  for await (const [inputs] of batches) seen.push(inputs.shape[0]!);
  return seen;
}

function* plain(count: number): Generator<StreamItem> {
  for (let i = 0; i < count; i++) yield { x: [i, i], y: i % 2 };
}

describe('a stream', () => {
  it('comes in batches, epoch after epoch, from async and plain sources', async () => {
    for (const open of [source(7).open, () => plain(7), Array.from(plain(7))]) {
      const batches = loader(fromIterable(open, { shape: [2] }), { batchSize: 3 });
      expect(await sizes(batches)).toEqual([3, 3, 1]);
      expect(batches.epoch).toBe(1);
      expect(await sizes(batches)).toEqual([3, 3, 1]);
      expect(batches.length).toBeUndefined();
    }
    expect(await sizes(loader(fromIterable(() => plain(7), { shape: [2] }), { batchSize: 3, dropLast: true }))).toEqual([3, 3]);
    expect(await sizes(loader(fromIterable([], { shape: [2] }), { batchSize: 3 }))).toEqual([]);
  });

  it('takes ready batches', async () => {
    const ready = [{ x: new Float32Array(8), y: Int32Array.of(0, 1, 0, 1) }, { x: [[1, 2]], y: [1] }];
    const batches = loader(fromIterable(ready, { shape: [2], batches: true }));
    const seen: unknown[] = [];
    for await (const [inputs, labels] of batches) seen.push([inputs.shape, labels.shape, originOf(labels)!.example(0)]);
    expect(seen).toEqual([[[4, 2], [4], 0], [[1, 2], [1], 4]]);
  });

  it('prepares the next batch, and no more, while a step runs', async () => {
    for (const prefetch of [0, 1, 2] as const) {
      const { log, open } = source(12);
      for await (const [inputs] of loader(fromIterable(open, { shape: [2] }), { batchSize: 2, prefetch })) {
        const first = originOf(inputs)!.example(0);
        await wait(30);
        expect(log.filter((entry) => entry.startsWith('give')).length).toBe(Math.min(12, first + 2 + 2 * prefetch));
      }
    }
  });

  it('throws the error of the source in the loop, after the batches before it', async () => {
    for (const prefetch of [0, 1, 2] as const) {
      const { log, open } = source(9, 5);
      let steps = 0;
      const run = async (): Promise<void> => {
        for await (const _ of loader(fromIterable(open, { shape: [2] }), { batchSize: 2, prefetch })) {
          steps++;
          await wait(10);
        }
      };
      await expect(run()).rejects.toThrow('the disk is gone');
      expect(steps).toBe(2);
      expect(log.at(-1)).toBe('closed');
    }
  });

  it('closes the source when the loop is left early', async () => {
    for (const prefetch of [0, 1, 2] as const) {
      const { log, open } = source(100);
      for await (const _ of loader(fromIterable(open, { shape: [2] }), { batchSize: 2, prefetch })) {
        await wait(10);
        break;
      }
      expect(log.at(-1)).toBe('closed');
      expect(log).not.toContain('end');
      const given = log.length;
      await wait(20);
      expect(log.length).toBe(given);
    }
  });

  it('copies what the source hands over', async () => {
    const x = new Float32Array(2);
    function* reuse(): Generator<StreamItem> {
      for (let i = 0; i < 4; i++) yield { x: x.fill(i), y: i };
    }
    const rows: number[][] = [];
    for await (const [inputs] of loader(fromIterable(reuse, { shape: [2] }), { batchSize: 2 })) rows.push([...inputs.data$!]);
    expect(rows).toEqual([[0, 0, 1, 1], [2, 2, 3, 3]]);
  });

  it('goes on where it stood', async () => {
    const make = () => loader(fromIterable(() => plain(7), { shape: [2] }), { batchSize: 2 });
    const stopped = make();
    for await (const _ of stopped) if (stopped.stateDict().step === 2) break;
    const resumed = make();
    resumed.loadStateDict(stopped.stateDict());
    const firsts: number[] = [];
    for await (const [inputs] of resumed) firsts.push(originOf(inputs)!.example(0));
    expect(firsts).toEqual([4, 6]);
    expect(resumed.stateDict()).toMatchObject({ epoch: 1, step: 0 });
  });

  it('says that a generator can be read only once', async () => {
    const batches = loader(fromIterable(plain(3), { shape: [2], name: 'once' }), { batchSize: 2 });
    await sizes(batches);
    await expect(sizes(batches)).rejects.toThrow("stream 'once' was read already, and its source (a generator or stream) can be read only once. Give a function");
  });

  const bad: [string, StreamItem[], object][] = [
    ["stream 'stream', example 1: x does not fit: got 1 elements, expected 2, the elements of shape [2]", [{ x: [1, 2], y: 0 }, { x: [1], y: 0 }], {}],
    ["stream 'stream', example 0: the item does not fit: got 7, expected an object { x, y }", [7 as never], {}],
    ["stream 'stream', example 0: x does not fit: got a BigInt64Array", [{ x: new BigInt64Array(2) as never, y: 0 }], {}],
    ["stream 'stream', example 1: the label is 0.5, expected an integer", [{ x: [1, 2], y: 0 }, { x: [1, 2], y: 0.5 }], {}],
    ["stream 'stream', example 0: the label is 2, expected a class in [0, 2)", [{ x: [1, 2], y: 2 }], { classes: 2 }],
    ["stream 'stream', example 0: y does not fit: got 1 elements, expected 3", [{ x: [1, 2], y: 2 }], { targetShape: [3] }],
    ["stream 'stream', example 1: x does not fit: got bytes and floats in one batch", [{ x: [1, 2], y: 0 }, { x: Uint8Array.of(1, 2), y: 0 }], {}],
    ["stream 'stream', example 0: x does not fit: got 3 elements, expected a multiple of 2", [{ x: [1, 2, 3], y: [0] }], { batches: true }],
    ["stream 'stream', example 0: y does not fit: got 1 elements, expected 2 for 2 examples", [{ x: [1, 2, 3, 4], y: [0] }], { batches: true }],
  ];
  it.each(bad)('%s', async (text, items, options) => {
    const stream = fromIterable(items, { shape: [2], ...options } as { shape: [2] });
    await expect(sizes(loader(stream, 'batches' in options ? {} : { batchSize: 2 }))).rejects.toThrow(`[data.loader] ${text}`);
  });

  it('refuses options that make no sense', () => {
    const stream = fromIterable(() => plain(3), { shape: [2] });
    expect(() => loader(stream, { shuffle: true } as never)).toThrow('[data.loader] shuffle: a stream comes in its own order');
    expect(() => loader(stream, { prefetch: 3 } as never)).toThrow('[data.loader] prefetch: got 3, expected 0, 1 or 2');
    expect(() => loader(stream, { dropLas: true } as never)).toThrow('Did you mean dropLast?');
    expect(() => loader(fromIterable([], { shape: [2], batches: true }), { batchSize: 2 })).toThrow('gives ready batches');
    expect(() => fromIterable(7 as never, { shape: [2] })).toThrow('[data.fromIterable] source: got 7');
    expect(() => fromIterable([], { shape: 2 as never })).toThrow('[data.fromIterable] shape: got 2');
    expect(() => fromIterable([], { shape: [2], batch: true } as never)).toThrow('Did you mean batches?');
  });
});
