import { AnnealError, ArgumentError, DivergenceError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { abs, add, concat, max, mul, neg, reshape, slice, sum, zeros } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import { sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { differenceOf, elements, entriesOf, loadInto, mismatch, type Described, type State } from '../state.js';
import { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { checkDense, isList } from './group.js';
import { checkNumber } from './numbers.js';
import { checkSteps } from './schedules/schedule.js';
import { strongWolfe, type Point } from './strong-wolfe.js';

export interface LbfgsOptions {
  /** The length of a step along its direction; where a line is searched, that of its first point. Default 1. */
  readonly lr?: number | undefined;
  /** Iterations of a step at most. Default 20. */
  readonly maxIter?: number | undefined;
  /** Evaluations of the closure in a step: none begins another iteration after so many. Default 1.25 maxIter. */
  readonly maxEval?: number | undefined;
  /** A step ends where no element of the gradient is larger. Default 1e-7. */
  readonly toleranceGrad?: number | undefined;
  /** A step ends where no parameter moves by more, nor the loss. Default 1e-9. */
  readonly toleranceChange?: number | undefined;
  /** Changes of parameters and of gradients that are remembered: so many times twice the size of the parameters. Default 100. */
  readonly historySize?: number | undefined;
  /** Length of a step; undefined: lr. Default undefined. */
  readonly lineSearchFn?: 'strongWolfe' | undefined;
}

const KNOWN = ['lr', 'maxIter', 'maxEval', 'toleranceGrad', 'toleranceChange', 'historySize', 'lineSearchFn'];

/** Conditions of a step's end, and size of the history. */
interface Limits {
  readonly maxIter: number;
  readonly maxEval: number;
  readonly toleranceGrad: number;
  readonly toleranceChange: number;
  readonly historySize: number;
}

/** A change of the parameters, that of the gradient, and 1 / their product. */
interface Pair {
  readonly s: Tensor;
  readonly y: Tensor;
  readonly ro: number;
}

/** A point of the line that is searched, with the gradient there. */
interface Evaluation extends Point {
  readonly gradient: Tensor;
}

/** L-BFGS: made by lbfgs(). */
export class Lbfgs {
  readonly parameters: readonly Parameter[];
  /** The length of a step along its direction; may be assigned. */
  lr: number;
  readonly #limits: Limits;
  readonly #searches: boolean;
  #pairs: Pair[] = [];
  #direction: Tensor | undefined = undefined;
  #gradient: Tensor | undefined = undefined;
  #length = 0;
  #scale = 1;
  #iterations = 0;
  #evaluations = 0;

  constructor(parameters: Iterable<Parameter>, options: LbfgsOptions) {
    const op = 'lbfgs';
    checkOptions(op, options, KNOWN);
    const { lr = 1, maxIter = 20, toleranceGrad = 1e-7, toleranceChange = 1e-9, historySize = 100, lineSearchFn } = options;
    const { maxEval = Math.floor(maxIter * 1.25) } = options;
    this.lr = checkNumber(op, 'lr', lr);
    checkSteps(op, 'maxIter', maxIter, 1);
    checkSteps(op, 'maxEval', maxEval, 1);
    checkSteps(op, 'historySize', historySize, 1);
    checkNumber(op, 'toleranceGrad', toleranceGrad);
    checkNumber(op, 'toleranceChange', toleranceChange);
    if (lineSearchFn !== undefined) checkChoice(op, 'lineSearchFn', lineSearchFn, ['strongWolfe']);
    this.#limits = { maxIter, maxEval, toleranceGrad, toleranceChange, historySize };
    this.#searches = lineSearchFn !== undefined;
    this.parameters = isList(parameters) ? [...parameters] : [];
    if (this.parameters.length > 0 && this.parameters.every((parameter) => parameter instanceof Parameter)) {
      checkDense(op, this.parameters);
      const short = this.parameters.find(({ maxNorm }) => maxNorm !== undefined);
      if (short !== undefined) throw new ArgumentError(`[lbfgs] got ${String(short)}, which has maxNorm, expected parameters without: it measures along lines, off which shortened rows would lie. Take another optimizer, or make the embedding without maxNorm.`, { op, shapes: [short.shape] });
      return;
    }
    throw new ArgumentError('[lbfgs] got no list of parameters, expected at least one. Pass model.parameters(); groups with options of their own it does not have.', { op });
  }

  /** Evaluations of closures so far. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Forgets the gradients that wait for these parameters. */
  zeroGrad(): void {
    engine().zeroGrad(this.parameters);
  }

  /**
   * Takes up to maxIter iterations. `closure` computes the loss, calls its backward() and returns it; it is called at several points, over the same
   * examples, and gradients are forgotten before each call. Resolves to the loss at the first of them. Rejects with ArgumentError for a closure that
   * returns no scalar, AnnealError (ANNEAL_GRADIENT) for one that leaves no gradient, DivergenceError where the first loss is not finite; what the
   * closure throws rejects, too, and leaves the parameters at the last point that was accepted.
   */
  async step(closure: () => Tensor | Promise<Tensor>): Promise<number> {
    const { maxIter, maxEval, toleranceGrad, toleranceChange } = this.#limits;
    let { loss, gradient } = await this.#evaluate(closure);
    const first = loss;
    if (!Number.isFinite(loss)) throw diverged(loss);
    let evaluations = 1;
    for (let n = 1; (await largest(gradient)) > toleranceGrad; n++) {
      const direction = await this.#directionFrom(gradient);
      const before = loss;
      const slope = await dot(gradient, direction);
      // Nothing is known of the curvature at first: no parameter is to move by more than lr.
      this.#length = Math.fround(this.#iterations === 1 ? Math.min(1, 1 / (await total(gradient))) * this.lr : this.lr);
      if (slope > -toleranceChange) break;
      const reach = await largest(direction);
      if (this.#searches) {
        const found = await this.#search(closure, { t: 0, loss, slope, gradient }, direction, reach);
        ({ loss, gradient } = found.point);
        this.#length = Math.fround(found.point.t);
        evaluations += found.evaluations;
      } else {
        this.#move(this.#flat(), direction, this.#length);
        if (n === maxIter) break;
        ({ loss, gradient } = await this.#evaluate(closure));
        evaluations++;
      }
      if (n === maxIter || evaluations >= maxEval || reach * this.#length <= toleranceChange || Math.abs(loss - before) < toleranceChange) break;
    }
    return first;
  }

  /** The loss and the gradient of all parameters as one vector, where they are now. */
  async #evaluate(closure: () => Tensor | Promise<Tensor>): Promise<{ loss: number; gradient: Tensor }> {
    this.zeroGrad();
    const loss: unknown = await closure();
    if (!(loss instanceof Tensor) || sizeOf(loss.shape) !== 1) {
      throw new ArgumentError(`[lbfgs] the closure gave ${describeValue(loss)}, expected a loss, a scalar. Return the loss after its backward(): () => { loss.backward(); return loss; }.`, { op: 'lbfgs' });
    }
    const run = engine().accumulate(this.parameters, [loss]);
    await run.done;
    this.#evaluations++;
    const gradients = this.parameters.map((parameter) => parameter.grad);
    if (gradients.every((gradient) => gradient === undefined)) {
      throw new AnnealError('ANNEAL_GRADIENT', '[lbfgs] the closure left no gradient, expected one of these parameters. Call loss.backward() in it, before it returns the loss.', { op: 'lbfgs' });
    }
    const gradient = kept(() => joined(gradients.map((each, i) => each ?? zeros(this.parameters[i]!.shape))));
    this.zeroGrad();
    return { loss: run.values(0)?.[0] ?? (await loss.item()), gradient };
  }

  /** Returns the direction to go from here, after what the last step has shown of the curvature. */
  async #directionFrom(gradient: Tensor): Promise<Tensor> {
    this.#iterations++;
    const [before, direction] = [this.#gradient, this.#direction];
    if (before === undefined || direction === undefined) this.#direction = kept(() => neg(gradient));
    else {
      await this.#learn(kept(() => mul(direction, this.#length)), kept(() => add(gradient, neg(before)) as Tensor));
      this.#direction = await this.#turned(gradient);
    }
    this.#gradient = gradient;
    return this.#direction;
  }

  async #learn(s: Tensor, y: Tensor): Promise<void> {
    const product = await dot(y, s);
    if (!(product > 1e-10)) return;
    if (this.#pairs.length === this.#limits.historySize) this.#pairs.shift();
    this.#pairs.push({ s, y, ro: Math.fround(1 / product) });
    this.#scale = Math.fround(product / (await dot(y, y)));
  }

  /** - H gradient, H being the inverse of the Hessian as the remembered pairs have it: two loops over them. */
  async #turned(gradient: Tensor): Promise<Tensor> {
    let q = kept(() => neg(gradient));
    const shares: number[] = [];
    for (const [i, { s, y, ro }] of [...this.#pairs.entries()].reverse()) {
      const share = (shares[i] = Math.fround((await dot(s, q)) * ro));
      q = moved(q, y, -share);
    }
    let r = kept(() => mul(q, this.#scale));
    for (const [i, { s, y, ro }] of this.#pairs.entries()) r = moved(r, s, Math.fround(shares[i]! - (await dot(y, r)) * ro));
    return r;
  }

  async #search(closure: () => Tensor | Promise<Tensor>, start: Evaluation, direction: Tensor, reach: number): Promise<{ point: Evaluation; evaluations: number }> {
    const from = this.#flat();
    try {
      const found = await strongWolfe(start, this.#length, reach, this.#limits.toleranceChange, async (t): Promise<Evaluation> => {
        this.#move(from, direction, Math.fround(t));
        const { loss, gradient } = await this.#evaluate(closure);
        return { t, loss, gradient, slope: await dot(gradient, direction) };
      });
      this.#move(from, direction, Math.fround(found.point.t));
      return found;
    } catch (error) {
      this.#move(from, direction, 0);
      throw error;
    }
  }

  /** A copy of all parameters as one vector. */
  #flat(): Tensor {
    return kept(() => joined(this.parameters));
  }

  /** Puts the parameters t along a direction. */
  #move(from: Tensor, direction: Tensor, t: number): void {
    let at = 0;
    for (const parameter of this.parameters) {
      const [first, end] = [at, (at += sizeOf(parameter.shape))];
      const source = withoutTracking(() => reshape(add(slice(from, first, end), mul(slice(direction, first, end), t)) as Tensor, parameter.shape));
      engine().assign(parameter, source);
    }
  }

  /** Returns its state, for a step that goes on as if there had been no break. */
  stateDict(): Map<string, Tensor | Described> {
    const state = new Map<string, Tensor | Described>([
      ['counts', { shape: [3], dtype: 'int32', data: Int32Array.of(this.#iterations, this.#evaluations, this.#pairs.length) }],
      ['numbers', { shape: [2 + this.#pairs.length], dtype: 'float32', data: Float32Array.of(this.#length, this.#scale, ...this.#pairs.map(({ ro }) => ro)) }],
    ]);
    if (this.#direction !== undefined) state.set('d', this.#direction);
    if (this.#gradient !== undefined) state.set('prevFlatGrad', this.#gradient);
    for (const [i, { s, y }] of this.#pairs.entries()) state.set(`oldStps.${i}`, s).set(`oldDirs.${i}`, y);
    return state;
  }

  /** Takes over what stateDict() gave. Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit. */
  async loadStateDict(state: State): Promise<void> {
    const given = entriesOf(state);
    const [counts, numbers] = [given.get('counts'), given.get('numbers')];
    if (counts === undefined || numbers === undefined) throw mismatch('loadStateDict', "the state lacks 'counts' or 'numbers'. Pass what stateDict() of optim.lbfgs() gave.");
    const [iterations = 0, evaluations = 0, pairs = 0] = (await elements(counts)) as Int32Array;
    const [length = 0, scale = 1, ...ros] = (await elements(numbers)) as Float32Array;
    given.delete('counts');
    given.delete('numbers');
    const vector = (): Tensor => engine().zeroed([this.parameters.reduce((size, { shape }) => size + sizeOf(shape), 0)]);
    const targets = new Map<string, Tensor>();
    if (iterations > 0) targets.set('d', vector()).set('prevFlatGrad', vector());
    for (let i = 0; i < pairs; i++) targets.set(`oldStps.${i}`, vector()).set(`oldDirs.${i}`, vector());
    const difference = differenceOf(targets, given) ?? (ros.length === pairs ? undefined : `it has ${ros.length} numbers for ${pairs} pairs`);
    if (difference !== undefined) throw mismatch('loadStateDict', `the state is of another optimizer: ${difference}. Pass what stateDict() of optim.lbfgs() gave.`);
    await loadInto('loadStateDict', targets, given);
    [this.#iterations, this.#evaluations, this.#length, this.#scale] = [iterations, evaluations, length, scale];
    [this.#direction, this.#gradient] = [targets.get('d'), targets.get('prevFlatGrad')];
    this.#pairs = ros.map((ro, i) => ({ s: targets.get(`oldStps.${i}`)!, y: targets.get(`oldDirs.${i}`)!, ro }));
  }
}

/** All elements, one tensor behind the other. */
const joined = (tensors: readonly Tensor[]): Tensor => concat(tensors.map((tensor): Tensor => reshape(tensor, [-1]))) as Tensor;

/** A vector that stays. */
function kept(compose: () => Tensor): Tensor {
  const source = withoutTracking(compose);
  const vector = engine().zeroed(source.shape);
  engine().assign(vector, source);
  return vector;
}

/** x + t y, in place of x. */
function moved(x: Tensor, y: Tensor, t: number): Tensor {
  const next = kept(() => add(x, mul(y, t)) as Tensor);
  engine().dispose(x);
  return next;
}

const scalar = async (compose: () => Tensor): Promise<number> => (await engine().read(withoutTracking(compose)))[0]!;
const dot = (a: Tensor, b: Tensor): Promise<number> => scalar(() => sum(mul(a, b)) as Tensor);
const largest = (x: Tensor): Promise<number> => scalar(() => max(abs(x)) as Tensor);
const total = (x: Tensor): Promise<number> => scalar(() => sum(abs(x)) as Tensor);

function diverged(loss: number): DivergenceError {
  const value = Number.isNaN(loss) ? 'NaN' : loss > 0 ? 'Infinity' : '-Infinity';
  return new DivergenceError(`[lbfgs] the loss is not finite: got ${value}, expected a number. Nothing was changed. Begin from other weights, or check the data.`, { value }, { op: 'lbfgs' });
}

/**
 * L-BFGS: goes along the direction that the last historySize changes of parameters and gradients give, as if the curvature were known, by lr or to
 * where a line search ends. For small models and losses without noise, of all examples at once: a step calls its closure many times. It is no
 * optimizer for Trainer, and has no groups, clipping or averages. Matches torch.optim.LBFGS. Source: Nocedal and Wright, Numerical Optimization,
 * algorithm 7.4; Liu and Nocedal, 1989, https://doi.org/10.1007/BF01589116. Throws ArgumentError for numbers out of range, AnnealError for an unknown option.
 *
 *     const optimizer = optim.lbfgs(model.parameters(), { lineSearchFn: 'strongWolfe' });
 *     const loss = await optimizer.step(() => {
 *       const loss = losses.meanSquaredError(model.forward(x), y);
 *       loss.backward();
 *       return loss;
 *     });
 */
export function lbfgs(parameters: Iterable<Parameter>, options: LbfgsOptions = {}): Lbfgs {
  return new Lbfgs(parameters, options);
}
