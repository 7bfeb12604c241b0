// ctc: every path of small cases, enumerated; what cannot be spelled; what it refuses. Agreement with PyTorch is in
// test/parity/losses.test.ts.
import { describe, expect, test } from 'vitest';
import { losses, tensor, type Tensor } from 'anneal';
import { fails, refuses } from '../nn/fails.js';
import { asParameter, Holder } from '../parity/gradients.js';

const int = (...values: number[]): Tensor<[number], 'int32'> => tensor(Int32Array.from(values));

function softmax(row: readonly number[]): number[] {
  const terms = row.map(Math.exp);
  const total = terms.reduce((a, b) => a + b, 0);
  return terms.map((term) => term / total);
}

/** Every sequence of `length` classes. */
function* paths(classes: number, length: number): Generator<number[]> {
  if (length === 0) yield [];
  else for (const path of paths(classes, length - 1)) for (let c = 0; c < classes; c++) yield [...path, c];
}

/** Repeats count once, and the blank, class 0, not at all. */
const spelled = (path: readonly number[]): string => path.filter((c, t) => c !== 0 && c !== path[t - 1]).join();

function enumerated(x: readonly (readonly number[])[], labels: readonly number[]): { loss: number; gradient: number[] } {
  const y = x.map(softmax);
  const visits = y.map((row) => row.map(() => 0));
  let total = 0;
  for (const path of paths(x[0]!.length, x.length)) {
    if (spelled(path) !== labels.join()) continue;
    const p = path.reduce((product, c, t) => product * y[t]![c]!, 1);
    total += p;
    path.forEach((c, t) => (visits[t]![c]! += p));
  }
  return { loss: -Math.log(total), gradient: y.flatMap((row, t) => row.map((p, c) => p - visits[t]![c]! / total)) };
}

const LOGITS = [[0.5, -1, 2], [1, 0, 0.25], [-0.5, 1.5, 0], [0, 0.75, 1], [2, -2, 0.5]];

describe('is what every path gives', () => {
  test.each([[[]], [[1]], [[1, 2]], [[2, 2]], [[1, 2, 1]], [[1, 1, 2]]])('for the labels %j', async (labels) => {
    const want = enumerated(LOGITS, labels);
    const x = asParameter(tensor([LOGITS]) as Tensor);
    new Holder([x]).parameters();
    const loss = losses.ctc(x, tensor(Int32Array.from(labels), { shape: [1, labels.length] }), int(5), int(labels.length), { reduction: 'sum' });
    loss.backward();
    const gradient = await x.grad!.data();
    want.gradient.forEach((value, i) => expect(gradient[i]).toBeCloseTo(value, 6));
    expect(await loss.item()).toBeCloseTo(want.loss, 5);
  });

  test('of the steps and labels that an example has', async () => {
    const batch = tensor([LOGITS, LOGITS]);
    const targets = tensor(Int32Array.of(1, 2, 2, 1), { shape: [2, 2] });
    const got = await losses.ctc(batch, targets, int(5, 3), int(2, 1), { reduction: 'none' }).data();
    expect(got[0]).toBeCloseTo(enumerated(LOGITS, [1, 2]).loss, 5);
    expect(got[1]).toBeCloseTo(enumerated(LOGITS.slice(0, 3), [2]).loss, 5);
    const mean = await losses.ctc(batch, targets, int(5, 3), int(2, 1)).item();
    expect(mean).toBeCloseTo((got[0]! / 2 + got[1]!) / 2, 5);
    const weighted = await losses.ctc(batch, targets, int(5, 3), int(2, 1), { weights: tensor([0, 3]) }).item();
    expect(weighted).toBeCloseTo(got[1]!, 5);
  });
});

test('takes logarithms of probabilities as well, whose softmax changes nothing', async () => {
  const of = (x: Tensor): Promise<number> => losses.ctc(x, tensor(Int32Array.of(1, 2), { shape: [1, 2] }), int(5), int(2)).item();
  const x = tensor([LOGITS]) as Tensor;
  expect(await of(x.logSoftmax())).toBeCloseTo(await of(x), 5);
});

describe('what cannot be spelled', () => {
  const targets = tensor(Int32Array.of(1, 1, 1, 2, 0, 0), { shape: [2, 3] });
  const run = (options: losses.CtcOptions): { x: Tensor; loss: Tensor } => {
    const x = asParameter(tensor([LOGITS.slice(0, 4), LOGITS.slice(0, 4)]) as Tensor);
    new Holder([x]).parameters();
    const loss = losses.ctc(x, targets, int(4, 4), int(3, 1), { ...options, reduction: 'sum' });
    loss.backward();
    return { x, loss };
  };

  test('is infinite', async () => {
    expect(await run({}).loss.item()).toBe(Infinity);
  });

  test('or nothing, and moves nothing', async () => {
    const { x, loss } = run({ zeroInfinity: true });
    const gradient = await (x as ReturnType<typeof asParameter>).grad!.data();
    expect([...gradient.slice(0, 12)]).toEqual(Array.from({ length: 12 }, () => 0));
    const other = enumerated(LOGITS.slice(0, 4), [2]);
    expect(await loss.item()).toBeCloseTo(other.loss, 5);
    other.gradient.forEach((value, i) => expect(gradient[12 + i]).toBeCloseTo(value, 6));
  });
});

test('refuses other shapes, dtypes and options', () => {
  const x = tensor([LOGITS, LOGITS]) as Tensor;
  const targets = tensor(Int32Array.of(1, 2, 2, 1), { shape: [2, 2] });
  refuses(() => losses.ctc(x.transpose(0, 1), targets, int(5, 5), int(2, 2)), 'ANNEAL_SHAPE_MISMATCH', /logits \[5,2,3\].*expected logits \[N,T,C\].*transpose\(0, 1\)/);
  refuses(() => losses.ctc(x, targets.reshape([4]), int(5, 5), int(2, 2)), 'ANNEAL_SHAPE_MISMATCH', /targets \[4\].*Pad the targets/);
  refuses(() => losses.ctc(x, targets, int(5), int(2, 2)), 'ANNEAL_SHAPE_MISMATCH', /inputLengths \[1\]/);
  refuses(() => losses.ctc(x, targets.cast('float32') as never, int(5, 5), int(2, 2)), 'ANNEAL_DTYPE_MISMATCH', /targets has the wrong dtype/);
  refuses(() => losses.ctc(x, targets, int(5, 5), int(2, 2), { blank: 3 }), 'ANNEAL_INVALID_ARGUMENT', /blank: got 3, expected a class: a whole number in \[0, 3\)/);
  refuses(() => losses.ctc(x, targets, int(5, 5), int(2, 2), { zeroInfinities: true } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean zeroInfinity/);
});

test('names the example whose label or length is out of range', async () => {
  const x = tensor([LOGITS, LOGITS]) as Tensor;
  const targets = tensor(Int32Array.of(1, 2, 3, 1), { shape: [2, 2] });
  // In eager mode the call itself throws.
  const value = async (inputs: Tensor<[number], 'int32'>, counts: Tensor<[number], 'int32'>): Promise<number> => losses.ctc(x, targets, inputs, counts).item();
  await fails(value(int(5, 5), int(2, 2)), 'ANNEAL_INDEX_OUT_OF_RANGE', /position 1: got 3, expected an integer in \[0, 3\)/);
  await fails(value(int(6, 5), int(1, 0)), 'ANNEAL_INDEX_OUT_OF_RANGE', /position 0: got 6/);
});
