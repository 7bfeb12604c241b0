/** A strategy that is compared, by the values of its seeds. */
export interface Contender {
  readonly name: string;
  /** One for each seed; NaN for a run that has diverged. */
  readonly values: readonly number[];
}

/** 'min': the lowest is best. */
export type Mode = 'min' | 'max';

/**
 * After how many epochs losers are looked for, and at last the whole number: each round trains twice as long as the one before, so that with half
 * of the contenders it costs the same. Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification, 2015, arXiv:1502.07943.
 */
export function rounds(contenders: number, epochs: number): number[] {
  const halvings = Math.max(0, Math.ceil(Math.log2(contenders)));
  const budgets = Array.from({ length: halvings + 1 }, (_, i) => Math.max(1, Math.ceil(epochs / 2 ** (halvings - i))));
  return [...new Set(budgets)];
}

/** Strategies that go on: the better half, and of the others those that do not lose clearly, as one of their seeds beats one of the leader's. */
export function survivors(contenders: readonly Contender[], mode: Mode): readonly Contender[] {
  const ranked = rank(contenders, mode);
  const [leader] = ranked;
  const worst = badness(leader!, mode).reduce((a, b) => Math.max(a, b), -Infinity);
  const goOn = ranked.filter((contender, i) => i < Math.ceil(ranked.length / 2) || badness(contender, mode).some((value) => value < worst));
  return goOn.filter(({ values }) => values.some(Number.isFinite));
}

/** Best mean first; equal ones by name, so that the order is always the same. */
export function rank<C extends Contender>(contenders: readonly C[], mode: Mode): C[] {
  const means = new Map(contenders.map((contender) => [contender, mean(badness(contender, mode))]));
  return contenders.toSorted((a, b) => compare(means.get(a)!, means.get(b)!) || (a.name < b.name ? -1 : 1));
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

/** The lower the better; what has diverged is worst. */
const badness = ({ values }: Contender, mode: Mode): number[] => values.map((value) => (Number.isNaN(value) ? Infinity : mode === 'min' ? value : -value));

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Of a sample; 0 for a single value. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
