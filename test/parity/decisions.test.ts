// Curves, thresholds, temperatures and calibration errors beside scikit-learn's and scipy's.
import { describe, expect, it } from 'vitest';
import { metrics, plot, tensor, type Tensor } from 'anneal';
import { fixture } from './fixtures.js';

interface Curves {
  readonly scores: readonly number[];
  readonly labels: readonly number[];
  readonly roc: { readonly [name: string]: readonly number[] | number };
  readonly precisionRecall: { readonly [name: string]: readonly number[] | number };
  readonly fBeta: readonly (readonly [number, number])[];
  readonly cost: number;
}
type Temperatures = metrics.Calibration & { readonly logits: readonly (readonly number[])[]; readonly labels: readonly number[] };
const { curves, temperatures } = fixture<{ curves: readonly Curves[]; temperatures: readonly Temperatures[] }>('decisions.json');

function expectNear(got: object, expected: { readonly [name: string]: readonly number[] | number }): void {
  for (const [name, want] of Object.entries(expected)) {
    const values = [(got as Record<string, unknown>)[name]].flatMap((one) => (typeof one === 'number' ? [one] : [...(one as Float64Array)]));
    const wanted = [want].flat();
    expect(values.length, name).toBe(wanted.length);
    for (const [i, value] of values.entries()) expect(value, `${name}[${i}]`).toBeCloseTo(wanted[i]!, 12);
  }
}

describe.each(curves)('scores, case %#', ({ scores, labels, roc, precisionRecall, fBeta, cost }) => {
  it('have the points of roc_curve and precision_recall_curve', () => {
    const { thresholds, ...rest } = metrics.rocCurve({ scores, labels });
    expect(thresholds[0]).toBe(Infinity);
    expectNear({ ...rest, thresholds: thresholds.slice(1) }, roc);
    expectNear(metrics.precisionRecallCurve({ scores, labels }), precisionRecall);
  });

  it('have a best threshold: the greatest F-beta, the least cost', () => {
    for (const [beta, value] of fBeta) {
      const best = metrics.bestThreshold({ scores, labels }, { beta });
      expect(best.value).toBeCloseTo(value, 12);
      // What it promises holds for scores above it.
      const taken = labels.filter((_, i) => scores[i]! > best.threshold);
      const found = taken.filter((label) => label === 1).length;
      expect(best.precision).toBeCloseTo(found / taken.length, 12);
      expect(best.recall).toBeCloseTo(found / labels.filter((label) => label === 1).length, 12);
      expect(scores).not.toContain(best.threshold);
    }
    expect(metrics.bestThreshold({ scores, labels }, { costs: { falsePositive: 3, falseNegative: 1 } }).value).toBeCloseTo(cost, 12);
  });
});

describe.each(temperatures)('logits, case %#', ({ logits, labels, temperature, loss, error }) => {
  it('have the temperature of the least loss', () => {
    const found = metrics.calibrate({ logits, labels });
    expect(found.temperature).toBeCloseTo(temperature, 5);
    for (const [got, wanted] of [[found.loss, loss], [found.error, error]] as const) {
      expect(got.before).toBeCloseTo(wanted.before, 12);
      expect(got.after).toBeCloseTo(wanted.after, 5);
    }
    expect(found.loss.after).toBeLessThan(found.loss.before);
  });

  it('have the calibration error, over batches of any size', async () => {
    const running = metrics.running([metrics.calibrationError(), metrics.calibrationError({ bins: 1, name: 'one' })]);
    for (const [start, end] of [[0, 7], [7, 8], [8, logits.length]] as const) {
      await running.update(tensor(logits.slice(start, end)) as Tensor, tensor(labels.slice(start, end), { dtype: 'int32' }));
    }
    const { calibrationError, one } = running.results();
    expect(calibrationError).toBeCloseTo(error.before, 6);
    const hits = logits.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length / logits.length;
    expect(one).toBeLessThanOrEqual(Math.abs(1 - hits));
  });

  it('of two classes are those of one output, their difference', () => {
    if (logits[0]!.length !== 2) return;
    const single = metrics.calibrate({ logits: logits.map(([no, yes]) => yes! - no!), labels });
    expect(single.temperature).toBeCloseTo(temperature, 5);
    expect(metrics.calibrate({ logits: logits.map(([no, yes]) => [yes! - no!]), labels }).temperature).toBe(single.temperature);
  });
});

it('the curves are drawn', () => {
  const [{ scores, labels }] = curves as [Curves];
  const probabilities = scores.map((score) => 1 / (1 + Math.exp(-score)));
  const { error } = metrics.calibrationCurve({ probabilities, labels });
  expect(plot.calibrationCurve({ probabilities, labels })).toContain(`Expected calibration error: ${error.toFixed(4)}`);
  expect(plot.calibrationCurve({ one: { probabilities, labels }, two: { probabilities, labels } }, { bins: 5, title: 'Sure?' })).toMatch(/Sure\?[^]*one 0\.\d{4}, two 0\.\d{4}/);
});
