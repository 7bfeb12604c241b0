// Random streams: what a stream gives depends on the seed, its name and how often it was used, and on nothing else.
import { afterEach, describe, expect, test } from 'vitest';
import { nn, normal, ones, seed, tensor, uniform, type Tensor } from 'anneal';
import { shuffledOrder } from '../../src/data/order.js';
import * as random from '../../src/random.js';
import { refuses } from '../nn/fails.js';
import { bernoulliMask } from '../../src/ops/random.js';

const words = (key: Tensor): number[] => Array.from(key.slots$!);
const weights = async (model: nn.Module): Promise<number[][]> => Promise.all(model.parameters().map(async (parameter) => [...(await parameter.data())]));

afterEach(() => seed(0));

describe('keys', () => {
  test('are the seed, the hash of the name (FNV-1a, 64 bits) and a counter', () => {
    seed(2 ** 32 * 5 + 7);
    const hash = [0x8601ec8c | 0, 0xaf63dc4c | 0]; // of "a", from the authors' test vectors
    expect(words(random.key('a'))).toEqual([7, 5, ...hash, 0]);
    expect(words(random.key('a'))).toEqual([7, 5, ...hash, 1]);
    expect(words(random.key('b')).slice(4)).toEqual([0]);
  });

  test('go on where a saved state stood', () => {
    seed(4);
    random.key('a');
    const state = JSON.parse(JSON.stringify(random.stateDict())) as random.RandomState;
    const next = [words(random.key('a')), words(random.key('b'))];
    seed(9);
    random.loadStateDict(state);
    expect([words(random.key('a')), words(random.key('b'))]).toEqual(next);
    refuses(() => random.loadStateDict({ seed: 1 } as never), 'ANNEAL_STATE_MISMATCH', /counters/);
  });

  test('draw numbers', async () => {
    seed(4);
    const [a, b] = [await uniform([8], random.key('a')).data(), await uniform([8], random.key('a')).data()];
    expect(a).not.toEqual(b);
    seed(4);
    expect(await uniform([8], random.key('a')).data()).toEqual(a);
  });
});

/** Of a stream that is used for long: a mask of another few bits would have some of them repeat. */
const COUNTERS = [0, 1, 2, 3, ...Array.from({ length: 22 }, (_, bit) => [2 ** (bit + 10), 2 ** (bit + 10) + 1, 2 ** (bit + 10) - 1]).flat()];

describe('a stream never repeats', () => {
  const words = (counter: number): Int32Array => Int32Array.of(7, 0, 11, 13, counter | 0);

  test.each([
    ['uniform', (key: Tensor) => uniform([64], key)],
    ['normal', (key: Tensor) => normal([64], key)],
    ['bernoulliMask', (key: Tensor) => bernoulliMask([64], key, 0.5)],
  ] as const)('%s: counters of 1,024 and more are told apart in every bit', async (_, draw) => {
    const drawn = await Promise.all(COUNTERS.map((counter) => draw(tensor(words(counter)) as Tensor).data()));
    expect(new Set(drawn.map((values) => values.join())).size).toBe(COUNTERS.length);
  });

  test('the order of a loader: epochs of 1,024 and more are told apart', () => {
    const orders = COUNTERS.map((epoch) => shuffledOrder(64, 3, epoch).join());
    expect(new Set(orders).size).toBe(COUNTERS.length);
  });

  test('in 3,000 keys', () => {
    seed(1);
    expect(new Set(Array.from({ length: 3000 }, () => random.key('a').slots$![4])).size).toBe(3000);
  });
});

describe('first weights', () => {
  const build = (): nn.Module => nn.sequential([4], nn.linear(4, 3), nn.relu(), nn.linear(3, 2));

  test('depend on the seed when the model was made, not on when they are first needed', async () => {
    seed(7);
    const expected = await weights(build());
    seed(7);
    const model = build();
    seed(8);
    await uniform([4], random.key('elsewhere')).data();
    expect(await weights(model)).toEqual(expected);
    expect(await weights(build())).not.toEqual(expected);
  });

  test('of a layer do not depend on the layers around it', async () => {
    seed(7);
    const [weight] = await weights(build());
    seed(7);
    const [same] = await weights(nn.sequential([4], nn.linear(4, 3), nn.linear(3, 9), nn.dropout(0.1), nn.linear(9, 1)));
    expect(same).toEqual(weight);
  });

  test('of two models under one seed differ', async () => {
    seed(7);
    const [a, b] = [build(), build()];
    expect(await weights(a)).not.toEqual(await weights(b));
  });

  test('are there before parameters() is called, and stay', async () => {
    seed(7);
    const expected = await weights(build());
    seed(7);
    const model = build();
    await model.forward(ones([1, 4])).data();
    expect(await weights(model)).toEqual(expected);
  });
});

test.each([-1, 1.5, 2 ** 53, Number.NaN, '7'])('seed refuses %s', (value) => {
  refuses(() => seed(value as number), 'ANNEAL_INVALID_ARGUMENT', /\[0, 2\^53\)/);
});
