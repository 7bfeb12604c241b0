import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { checkLabels } from './scores.js';

/** Probabilities that lie in one part of [0, 1]. */
export interface CalibrationBin {
  /** The part (low, high]. */
  readonly low: number;
  readonly high: number;
  /** Examples in it. */
  readonly count: number;
  /** Mean of the probabilities; NaN of none. */
  readonly confidence: number;
  /** Share of examples that are of the class; NaN of none. */
  readonly accuracy: number;
}

/** Frequencies beside probabilities. */
export interface CalibrationCurve {
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error: the mean over examples of |accuracy - confidence| of their bins. */
  readonly error: number;
}

/** Sums of examples by their probability. */
export class CalibrationSums {
  readonly #counts: Float64Array;
  readonly #confidences: Float64Array;
  readonly #hits: Float64Array;

  constructor(bins: number) {
    [this.#counts, this.#confidences, this.#hits] = [new Float64Array(bins), new Float64Array(bins), new Float64Array(bins)];
  }

  /** Adds an example that was taken for a class with that probability, and is of it or not. */
  add(confidence: number, hit: number): void {
    // NaN makes everything NaN.
    const bin = Number.isNaN(confidence) ? 0 : Math.max(Math.ceil(Math.min(confidence, 1) * this.#counts.length) - 1, 0);
    this.#counts[bin]!++;
    this.#confidences[bin]! += confidence;
    this.#hits[bin]! += hit;
  }

  curve(): CalibrationCurve {
    const total = this.#counts.reduce((a, b) => a + b, 0);
    const bins = Array.from(this.#counts, (count, i) => ({ low: i / this.#counts.length, high: (i + 1) / this.#counts.length, count, confidence: this.#confidences[i]! / count, accuracy: this.#hits[i]! / count }));
    const error = bins.reduce((sum, { count, confidence, accuracy }) => (count === 0 ? sum : sum + (count / total) * Math.abs(accuracy - confidence)), total === 0 ? NaN : 0);
    return { bins, error };
  }
}

export interface BinsOption {
  /** Parts of [0, 1], of one width. Default 15. */
  readonly bins?: number | undefined;
}

/** Throws ArgumentError for a number of bins that there cannot be. */
export function checkBins(op: string, bins: number): number {
  if (Number.isSafeInteger(bins) && bins >= 1 && bins <= 1e6) return bins;
  throw new ArgumentError(`[${op}] bins: got ${describeValue(bins)}, expected a whole number in [1, 1000000].`, { op });
}

/**
 * Frequencies beside probabilities: for each part of [0, 1] the mean of the probabilities in it, and the share of those examples that are of the class (label 1). The two are equal where probabilities mean what they say.
 * `error` is the expected calibration error (Guo et al., arXiv:1706.04599).
 *
 *     const { error, bins } = metrics.calibrationCurve({ probabilities: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] }, { bins: 5 });
 *
 * plot.calibrationCurve() draws it. As sklearn.calibration.calibration_curve, whose bins are [low, high). Throws ArgumentError for what are no probabilities or labels, and a number of bins that there cannot be.
 */
export function calibrationCurve(given: { readonly probabilities: ArrayLike<number>; readonly labels: ArrayLike<number | boolean> }, options: BinsOption = {}): CalibrationCurve {
  const op = 'metrics.calibrationCurve';
  checkOptions(op, options, ['bins']);
  const { probabilities, labels } = given ?? {};
  if (probabilities?.length === undefined || labels?.length === undefined) throw new ArgumentError(`[${op}] got ${describeValue(given)}, expected { probabilities, labels }. Read a tensor first: await outputs.data().`, { op });
  checkLabels(op, 'probabilities', probabilities.length, labels);
  const sums = new CalibrationSums(checkBins(op, options.bins ?? 15));
  for (let i = 0; i < probabilities.length; i++) {
    const [probability, label] = [probabilities[i]!, Number(labels[i])];
    if (!(probability >= 0 && probability <= 1)) throw new ArgumentError(`[${op}] probabilities[${i}]: got ${describeValue(probability)}, expected a number in [0, 1]. Take those of predictor.classify().`, { op });
    if (label !== 0 && label !== 1) throw new ArgumentError(`[${op}] labels[${i}]: got ${describeValue(labels[i])}, expected 0 or 1.`, { op });
    sums.add(probability, label);
  }
  return sums.curve();
}
