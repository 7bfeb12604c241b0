// Rules that look at whole matrices, against their papers' formulas in double precision, over 100 steps: Adafactor and Muon.
import { describe, expect, test } from 'vitest';
import { add, mul, nn, ones, optim, sum, tensor, type Parameter, type Shape } from 'anneal';
import { refuses } from '../nn/fails.js';
import { asParameter, Holder } from '../parity/gradients.js';

type Matrix = number[][];
/** One step of a matrix at step t, from 1. */
type Rule = (p: Matrix, g: Matrix, t: number) => Matrix;
type Make = (parameters: Parameter[]) => optim.Optimizer;

const map = (a: Matrix, f: (x: number, i: number, j: number) => number): Matrix => a.map((row, i) => row.map((x, j) => f(x, i, j)));
const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const product = (a: Matrix, b: Matrix): Matrix => a.map((row) => b[0]!.map((_, j) => row.reduce((total, x, k) => total + x * b[k]![j]!, 0)));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const rms = (a: Matrix): number => Math.sqrt(mean(a.flat().map((x) => x * x)));

const matrix = ([rows, columns]: readonly [number, number], at: (n: number) => number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (__, j) => Math.fround(at(i * columns + j))));

/** Largest distance of an element from the formula, after 100 steps on gradients that are given. */
async function compare(make: Make, shape: readonly [number, number], rule: Rule, tolerance: number, as: Shape = shape): Promise<void> {
  let expected = matrix(shape, (n) => Math.sin(n + 1));
  const flat = (a: Matrix) => tensor(Float32Array.from(a.flat()), { shape: as });
  const parameter = asParameter(flat(expected));
  const optimizer = make(new Holder([parameter]).parameters());
  for (let t = 1; t <= 100; t++) {
    const gradient = matrix(shape, (n) => Math.cos(1.3 * t + n) + 0.3 * Math.sin(n * n));
    sum(mul(parameter, flat(gradient))).backward();
    await optimizer.step();
    expected = rule(expected, gradient, t);
    const got = await parameter.data();
    expected.flat().forEach((p, i) => {
      if (!(Math.abs(got[i]! - p) < tolerance * (1 + Math.abs(p)))) expect.fail(`after step ${t} element ${i} is ${got[i]}, the paper has ${p}`);
    });
  }
}

interface Factored {
  readonly lr?: (t: number) => number;
  readonly eps?: readonly [number, number];
  readonly threshold?: number;
  readonly decayRate?: number;
  readonly beta1?: number;
  readonly decay?: number;
  readonly scaled?: boolean;
  readonly factored?: boolean;
}

/** Algorithms 4 and 5 of the paper. */
function adafactor(options: Factored = {}): Rule {
  const { lr = (t) => Math.min(1e-2, 1 / Math.sqrt(t)), eps = [1e-30, 1e-3], threshold = 1, decayRate = -0.8, beta1 = 0, decay = 0, scaled = true, factored = true } = options;
  let [r, c, v, m]: [number[], number[], Matrix, Matrix] = [[], [], [], []];
  return (p, g, t) => {
    const beta2 = 1 - t ** decayRate;
    const squares = map(g, (x) => x * x + eps[0]);
    const follow = (old: number | undefined, now: number): number => beta2 * (old ?? 0) + (1 - beta2) * now;
    r = squares.map((row, i) => follow(r[i], mean(row)));
    c = transposed(squares).map((column, j) => follow(c[j], mean(column)));
    v = factored ? map(squares, (_, i, j) => (r[i]! * c[j]!) / mean(r)) : map(squares, (x, i, j) => follow(v[i]?.[j], x));
    const u = map(g, (x, i, j) => x / Math.sqrt(v[i]![j]!));
    const rate = lr(t) * (scaled ? Math.max(eps[1], rms(p)) : 1);
    const step = map(u, (x) => (rate * x) / Math.max(1, rms(u) / threshold));
    m = map(step, (x, i, j) => beta1 * (m[i]?.[j] ?? 0) + (1 - beta1) * x);
    return map(p, (x, i, j) => x - m[i]![j]! - rate * decay * x);
  };
}

describe('adafactor', () => {
  test('of a matrix', () => compare((some) => optim.adafactor(some), [4, 7], adafactor(), 3e-6));
  test('of a vector, whose squares are not factored', () => compare((some) => optim.adafactor(some), [1, 7], adafactor({ factored: false }), 3e-6, [7]));
  test('with a rate, an average of steps and weight decay', () =>
    compare(
      (some) => optim.adafactor(some, { lr: 0.02, scaleParameter: false, beta1: 0.8, weightDecay: 0.1, clipThreshold: 0.7, decayRate: -0.6, eps: [1e-10, 0.1] }),
      [5, 3],
      adafactor({ lr: () => 0.02, scaled: false, beta1: 0.8, decay: 0.1, threshold: 0.7, decayRate: -0.6, eps: [1e-10, 0.1] }),
      3e-6,
    ));
  test('with a warm-up', () => compare((some) => optim.adafactor(some, { warmupInit: true }), [4, 4], adafactor({ lr: (t) => Math.min(1e-6 * t, 1 / Math.sqrt(t)) }), 3e-6));
  test('the other way', () => {
    const down = adafactor();
    return compare((some) => optim.adafactor(some, { maximize: true }), [4, 7], (p, g, t) => down(p, map(g, (x) => -x), t), 3e-6);
  });
  test('keeps rows and columns', () => {
    const model = nn.sequential([6], nn.linear(6, 3));
    const shapes = [...optim.adafactor(model.parameters(), { beta1: 0.9 }).stateDict()].map(([name, { shape }]) => `${name} ${shape.join('x')}`);
    expect(shapes).toEqual(['steps ', '0.weight.expAvgSqRow 3x1', '0.weight.expAvgSqCol 1x6', '0.weight.expAvg 3x6', '0.weight.step ', '0.bias.expAvgSq 3', '0.bias.expAvg 3', '0.bias.step ']);
  });
  test('refuses numbers out of range', () => {
    const parameters = nn.linear(2, 2).parameters();
    refuses(() => optim.adafactor(parameters, { decayRate: 0.8 }), 'ANNEAL_INVALID_ARGUMENT', /decayRate: got 0.8/);
    refuses(() => optim.adafactor(parameters, { clipThreshold: 0 }), 'ANNEAL_INVALID_ARGUMENT', /clipThreshold: got 0/);
    refuses(() => optim.adafactor(parameters, { lr: 1, warmupInit: true }), 'ANNEAL_INVALID_ARGUMENT', /warmupInit.*together with lr/);
  });
});

interface Orthogonal {
  readonly lr?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly decay?: number;
  readonly steps?: number;
  readonly adjusted?: number;
}

/** Newton-Schulz by the quintic polynomial of the source, in its own order. */
function newtonSchulz(g: Matrix, steps: number): Matrix {
  const wide = g.length > g[0]!.length ? transposed(g) : g;
  const norm = Math.sqrt(wide.flat().reduce((total, x) => total + x * x, 0));
  let x = map(wide, (value) => value / Math.max(norm, 1e-7));
  for (let i = 0; i < steps; i++) {
    const a = product(x, transposed(x));
    const aa = product(a, a);
    const b = map(a, (value, r, c) => -4.775 * value + 2.0315 * aa[r]![c]!);
    const bx = product(b, x);
    x = map(x, (value, r, c) => 3.4445 * value + bx[r]![c]!);
  }
  return g.length > g[0]!.length ? transposed(x) : x;
}

function muon({ lr = 1e-3, momentum = 0.95, nesterov = true, decay = 0.1, steps = 5, adjusted = 1 }: Orthogonal): Rule {
  let buffer: Matrix = [];
  return (p, g) => {
    buffer = map(g, (x, i, j) => momentum * (buffer[i]?.[j] ?? 0) + (1 - momentum) * x);
    const u = nesterov ? map(g, (x, i, j) => (1 - momentum) * x + momentum * buffer[i]![j]!) : buffer;
    const o = newtonSchulz(u, steps);
    return map(p, (x, i, j) => x * (1 - lr * decay) - lr * adjusted * o[i]![j]!);
  };
}

describe('muon', () => {
  test('of a wide matrix', () => compare((some) => optim.muon(some), [3, 8], muon({}), 3e-6));
  test('of a tall matrix, by longer steps', () => compare((some) => optim.muon(some, { lr: 0.01 }), [8, 2], muon({ lr: 0.01, adjusted: 2 }), 1e-5));
  test('with its options', () =>
    compare(
      (some) => optim.muon(some, { lr: 0.01, momentum: 0.8, nesterov: false, weightDecay: 0, nsSteps: 3, adjustLr: 'matchRmsAdamw' }),
      [4, 9],
      muon({ lr: 0.01, momentum: 0.8, nesterov: false, decay: 0, steps: 3, adjusted: 0.6 }),
      1e-5,
    ));
  test('the other way', () => {
    const down = muon({});
    return compare((some) => optim.muon(some, { maximize: true }), [3, 8], (p, g, t) => down(p, map(g, (x) => -x), t), 3e-6);
  });

  test('makes steps whose singular values are about 1', async () => {
    const parameter = asParameter(tensor(Float32Array.from({ length: 12 }, () => 0), { shape: [3, 4] }));
    const optimizer = optim.muon(new Holder([parameter]).parameters(), { lr: 1, weightDecay: 0 });
    sum(mul(parameter, tensor(Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * i)), { shape: [3, 4] }))).backward();
    await optimizer.step();
    const o = [...(await parameter.data())];
    const gram = product([o.slice(0, 4), o.slice(4, 8), o.slice(8)], transposed([o.slice(0, 4), o.slice(4, 8), o.slice(8)]));
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) expect(Math.abs(gram[i]![j]! - Number(i === j))).toBeLessThan(0.5);
  });

  test('trains what is no matrix, or is named, by AdamW', async () => {
    const model = nn.sequential([4], [nn.linear(4, 5), nn.linear(5, 2)]);
    const optimizer = optim.muon(model.parameters(), { adamw: { lr: 0.1, weightDecay: 0 }, groups: [{ match: /^1/, orthogonalize: false }] });
    expect(optimizer.groups.map(({ rule, parameters, lr }) => [rule, parameters.map(({ name }) => name).join(' '), lr])).toEqual([
      ['adam', '1.weight 1.bias', 0.1],
      ['sgd', '0.weight', 1e-3],
      ['adam', '0.bias', 0.1],
    ]);
    const before = await model.parameters()[1]!.data();
    sum(model.forward(ones([3, 4]))).backward();
    await optimizer.step();
    const after = await model.parameters()[1]!.data();
    after.forEach((value, i) => expect(Math.abs(Math.abs(value - before[i]!) - 0.1)).toBeLessThan(1e-5));
  });

  test('refuses what it cannot do', () => {
    const parameters = nn.linear(2, 2).parameters();
    refuses(() => optim.muon(parameters, { nsSteps: 0 }), 'ANNEAL_INVALID_ARGUMENT', /nsSteps: got 0/);
    refuses(() => optim.muon(parameters, { adjustLr: 'rms' as never }), 'ANNEAL_INVALID_ARGUMENT', /adjustLr: got 'rms'/);
    refuses(() => optim.muon(parameters, { adamw: { momentum: 1 } as never }), 'ANNEAL_UNKNOWN_OPTION', /momentum/);
  });
});

const composed: Readonly<Record<string, (parameters: Parameter[], options?: optim.OptimizerOptions<object>) => optim.Optimizer>> = {
  adafactor: (parameters, options) => optim.adafactor(parameters, { beta1: 0.9, ...options }),
  muon: (parameters, options) => optim.muon(parameters, options),
};

describe.each(Object.keys(composed))('%s', (name) => {
  const model = () => nn.sequential([3], nn.linear(3, 4), nn.tanh(), nn.linear(4, 2));
  const weights = async (of: nn.Module): Promise<number[][]> => Promise.all(of.parameters().map(async (parameter) => [...(await parameter.data())]));
  const train = async (of: nn.Module, optimizer: optim.Optimizer, steps: number): Promise<void> => {
    for (let i = 0; i < steps; i++) {
      sum(of.forward(ones([2, 3]))).backward();
      await optimizer.step();
    }
  };

  test('goes on in another process with the same bits, its averages too', async () => {
    const make = (of: nn.Module) => composed[name]!(of.parameters(), { average: optim.exponentialMovingAverage({ decay: 0.5 }) });
    const [straight, first, second] = [model(), model(), model()] as const;
    const whole = make(straight);
    await first.loadStateDict(straight.stateDict());
    const optimizer = make(first);
    await train(straight, whole, 6);
    await train(first, optimizer, 3);
    const resumed = make(second);
    await second.loadStateDict(first.stateDict());
    await resumed.loadStateDict(optimizer.stateDict());
    await train(second, resumed, 3);
    expect(await weights(second)).toEqual(await weights(straight));
    expect(await resumed.withAverage(() => weights(second))).toEqual(await whole.withAverage(() => weights(straight)));
  });

  test.each([{ globalNorm: 0.5 }, { norm: 0.25 }, { value: 0.1 }])('clips by %o', async (clip) => {
    const scaled = async (options: object, by: (g: number[]) => number[]): Promise<number[]> => {
      const parameter = asParameter(tensor(Float32Array.of(1, 2, 3, 4), { shape: [2, 2] }));
      const optimizer = composed[name]!(new Holder([parameter]).parameters(), options);
      for (const step of [0, 1, 2]) {
        const g = by([0.5 + step, -1, 0.05, 2]);
        sum(add(mul(parameter, tensor(Float32Array.from(g), { shape: [2, 2] })), 0)).backward();
        await optimizer.step();
      }
      return [...(await parameter.data())];
    };
    const limit = Object.values(clip)[0]!;
    const by = (g: number[]): number[] => ('value' in clip ? g.map((x) => Math.max(-limit, Math.min(limit, x))) : g.map((x) => (x * limit) / (Math.hypot(...g) + 1e-6)));
    const [got, wanted] = [await scaled({ clip }, (g) => g), await scaled({}, by)];
    got.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5));
  });
});
