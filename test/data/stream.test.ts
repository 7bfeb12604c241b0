import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import 'anneal';
import { refuses } from '../nn/fails.js';
import { fromIterable, loader, originOf, type Loader, type StreamItem, type StreamPosition } from '../../src/data/index.js';

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
        const given = (): number => log.filter((entry) => entry.startsWith('give')).length;
        const expected = Math.min(12, first + 2 + 2 * prefetch);
        // A busy machine takes its time.
        for (let waited = 0; given() < expected && waited < 5000; waited += 5) await wait(5);
        await wait(20);
        expect(given()).toBe(expected);
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
    expect(() => loader(stream, { seed: 1 } as never)).toThrow('[data.loader] seed: a stream comes in its own order');
    expect(() => loader(stream, { prefetch: 3 } as never)).toThrow('[data.loader] prefetch: got 3, expected 0, 1 or 2');
    expect(() => loader(stream, { dropLas: true } as never)).toThrow('Did you mean dropLast?');
    expect(() => loader(fromIterable([], { shape: [2], batches: true }), { batchSize: 2 })).toThrow('gives ready batches');
    expect(() => fromIterable(7 as never, { shape: [2] })).toThrow('[data.fromIterable] source: got 7');
    expect(() => fromIterable([], { shape: 2 as never })).toThrow('[data.fromIterable] shape: got 2');
    expect(() => fromIterable([], { shape: [2], batch: true } as never)).toThrow('Did you mean batches?');
  });
});

describe('a stream of records', () => {
  const shape = { tokens: [3], length: [] } as const;
  function* texts(): Generator<StreamItem<typeof shape, []>> {
    for (let i = 0; i < 5; i++) yield { x: { tokens: Int32Array.of(i, i + 1, 2 ** 30 + 1), length: i }, y: i % 2 };
  }

  it('comes in batches of records, with the dtypes that were asked for', async () => {
    const stream = fromIterable(texts, { shape, dtype: { tokens: 'int32' } });
    expect([stream.shape, stream.dtype, stream.targetDtype]).toEqual([shape, { tokens: 'int32', length: 'float32' }, 'int32']);
    const seen: unknown[] = [];
    for await (const [{ tokens, length }, labels] of loader(stream, { batchSize: 3 })) {
      seen.push([tokens.dtype, tokens.shape, [...tokens.data$!], length.dtype, [...length.data$!], [...labels.data$!], originOf(tokens)!.example(1)]);
    }
    expect(seen).toEqual([
      ['int32', [3, 3], [0, 1, 2 ** 30 + 1, 1, 2, 2 ** 30 + 1, 2, 3, 2 ** 30 + 1], 'float32', [0, 1, 2], [0, 1, 0], 1],
      ['int32', [2, 3], [3, 4, 2 ** 30 + 1, 4, 5, 2 ** 30 + 1], 'float32', [3, 4], [1, 0], 4],
    ]);
  });

  it('has records of targets, bytes and normalised fields, and ready batches', async () => {
    const items = [{ x: { pixels: Uint8Array.of(0, 255, 0, 255), age: [30, 40] }, y: { kind: [0, 1], price: [1.5, 2.5] } }];
    const stream = fromIterable(items, {
      shape: { pixels: [2], age: [] },
      targetShape: { kind: [], price: [1] },
      targetDtype: { kind: 'int32' },
      normalize: { pixels: { mean: 0, std: 1 }, age: { mean: 30, std: 10 } },
      batches: true,
    });
    for await (const [{ pixels, age }, { kind, price }] of loader(stream)) {
      expect([[...(await pixels.data())], [...(await age.data())], kind.dtype, [...(await kind.data())], price.shape, [...(await price.data())]]).toEqual([[0, 1, 0, 1], [0, 1], 'int32', [0, 1], [2, 1], [1.5, 2.5]]);
    }
    const one = loader(fromIterable([{ x: [1, 2, 3], y: 0 }], { shape: [3], dtype: 'int32' }));
    for await (const [inputs] of one) expect([inputs.dtype, [...inputs.data$!]]).toEqual(['int32', [1, 2, 3]]);
  });

  const good = { tokens: [1, 2, 3], length: 3 };
  const wrong: [string, unknown[], object][] = [
    ["example 0: x does not fit: got an Array, expected a record with the fields of shape: tokens, length. Correct what the source gives.", [{ x: [1, 2, 3], y: 0 }], {}],
    ["example 1: x.length does not fit: got nothing, expected a record with the fields of shape: tokens, length.", [{ x: good, y: 0 }, { x: { tokens: [1, 2, 3] }, y: 0 }], {}],
    ["example 0: x.words does not fit: got a field that the stream has not, expected a record with the fields of shape: tokens, length.", [{ x: { ...good, words: [1] }, y: 0 }], {}],
    ["example 0: x.tokens does not fit: got 2 elements, expected 3, the elements of shape [3].", [{ x: { ...good, tokens: [1, 2] }, y: 0 }], {}],
    ["example 0: x.length does not fit: got 2 elements, expected 1 for 1 examples.", [{ x: { ...good, length: [1, 2] }, y: 0 }], {}],
    ["example 0: x.tokens does not fit: got 0.5 as element 1, expected an integer of 32 bits.", [{ x: { ...good, tokens: [1, 0.5, 2] }, y: 0 }], { dtype: { tokens: 'int32' } }],
    ["example 0: x.tokens does not fit: got 'abc', expected a typed array of numbers or numbers.", [{ x: { ...good, tokens: 'abc' }, y: 0 }], {}],
    ["example 0: y does not fit: got 0, expected a record with the fields of targetShape: kind.", [{ x: good, y: 0 }], { targetShape: { kind: [] } }],
    ["example 0: y.kind does not fit: got 2 elements, expected 1 for 1 examples.", [{ x: good, y: { kind: [1, 2] } }], { targetShape: { kind: [] } }],
    ["example 1: x.tokens does not fit: got bytes and floats in one batch, expected one kind of array throughout.", [{ x: good, y: 0 }, { x: { ...good, tokens: new Uint8Array(3) }, y: 0 }], {}],
  ];
  it.each(wrong)('%s', async (text, items, options) => {
    const stream = fromIterable(items as never, { shape, ...options } as unknown as { shape: [3] });
    await expect(sizes(loader(stream, { batchSize: 2 }))).rejects.toThrow(`[data.loader] stream 'stream', ${text}`);
  });

  const bad: [string, object][] = [
    ['[data.fromIterable] shape: got a record without fields, expected at least one shape, as in { shape: { tokens: [64] } }.', { shape: {} }],
    ['[data.fromIterable] shape.tokens: got 3, expected integers of at least 1', { shape: { tokens: 3 } }],
    ["[data.fromIterable] dtype: got 'int32', expected a record with the fields of shape: tokens, length. Name the field, as in { dtype: { tokens: 'int32' } }.", { dtype: 'int32' }],
    ['[data.fromIterable] dtype: got the field token, expected one of those of shape: tokens, length. Did you mean tokens?', { dtype: { token: 'int32' } }],
    ["[data.fromIterable] dtype.tokens: got 'int64', expected 'int32' or 'float32'.", { dtype: { tokens: 'int64' } }],
    ['[data.fromIterable] normalize: got it for x.tokens, which is int32, expected floats.', { dtype: { tokens: 'int32' }, normalize: { tokens: { mean: 0, std: 1 } } }],
    ['[data.fromIterable] targetDtype: got it with one array of targets, expected a record of them.', { targetDtype: 'int32' }],
    ['[data.fromIterable] classes: got it with targetShape, expected one of them', { targetShape: { kind: [] }, classes: 2 }],
  ];
  it.each(bad)('%s', (message, options) => {
    expect(() => fromIterable([], { shape, ...options } as never)).toThrow(message);
  });
});

describe('a stream that is told where to begin', () => {
  const positions: unknown[] = [];
  const numbered = (at: StreamPosition) => {
    positions.push(at);
    return Array.from({ length: 10 }, (_, i) => ({ x: [i], y: 0 })).slice(at.first);
  };

  it('begins there where it is seekable, else with its first example', async () => {
    for (const seekable of [true, false]) {
      const stream = fromIterable(seekable ? numbered : () => numbered({ epoch: 0, first: 0 }), { shape: [1], seekable });
      const batches = loader(stream, { batchSize: 3 });
      for await (const [inputs] of batches) if ((await inputs.data())[0] === 3) break;
      const state = batches.stateDict();
      const again = loader(stream, { batchSize: 3 });
      again.loadStateDict(state);
      positions.length = 0;
      const seen: number[][] = [];
      const places: (string | undefined)[] = [];
      for await (const [inputs] of again) {
        seen.push([...(await inputs.data())]);
        places.push(originOf(inputs)?.describe(0));
      }
      expect(seen).toEqual([[6, 7, 8], [9]]);
      expect(positions).toEqual([{ epoch: 0, first: seekable ? 6 : 0 }]);
      expect(places[0]).toMatch(/example 6/);
      for await (const _ of again) break;
      expect(positions.at(-1)).toEqual(seekable ? { epoch: 1, first: 0 } : { epoch: 0, first: 0 });
    }
  });

  it('has to be a function', () => {
    refuses(() => fromIterable([], { shape: [1], seekable: true }), 'ANNEAL_INVALID_ARGUMENT', /\[data\.fromIterable\] seekable: got an Array as the source, expected a function that opens the source at a place, as in \(\{ epoch, first \}\) => open\(first\)/);
    refuses(() => fromIterable(() => [], { shape: [1], seekable: 1 as never }), 'ANNEAL_INVALID_ARGUMENT', /seekable: got 1, expected true or false/);
  });
});
