import { withoutTracking } from '../graph/recorder.js';
import { observing } from '../nn/observe.js';
import { ownParameters } from '../nn/registry.js';
import { Activation } from '../nn/activations.js';
import type { Module } from '../nn/module.js';
import { add, any, cast, full, mean, mul, notEqual, stack, sub, sum } from '../ops/index.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';

/** State of a layer in one step. */
export interface LayerStatistics {
  /** Its place in the model, as in `0`; '' for a model that has parameters of its own. */
  readonly layer: string;
  /** Description, as in `linear(784, 128)`. */
  readonly kind: string;
  /** Of its own parameters, which training changes; undefined for a layer without. */
  readonly parameters?: {
    /** sqrt(sum w^2), before the update. */
    readonly weightNorm: number;
    /** sqrt(sum g^2) of the gradients, before anything clips them. */
    readonly gradientNorm: number;
    /** Size of the update relative to the weights: |w_after - w_before| / |w_before|. About 1e-3 is usual. */
    readonly updateRatio: number;
  };
  /** Of a ReLU: the share of its units that are 0 for all examples of the step's last batch, from 0 to 1. Undefined for other layers. */
  readonly deadShare?: number;
}

/** Looks into one step that is being recorded and submitted: forward(), then gradients(), and once the step was submitted moved(). */
export class Inspection {
  readonly #layers: readonly Layer[];
  #dead: Tensor | undefined;

  constructor(model: Module) {
    const own = model.modules().map((module) => ({ module, parameters: ownParameters(module).filter(({ requiresGrad }) => requiresGrad) }));
    this.#layers = own.filter(({ module, parameters }) => parameters.length > 0 || mayDie(module));
  }

  /** Runs `fn`, which records the forward pass of a batch. */
  forward<R>(fn: () => R): R {
    const shares = new Map<Module, Tensor>();
    const mortal = this.#layers.flatMap(({ module }) => (mayDie(module) ? [module] : []));
    const result = observing(mortal, (module, output) => shares.set(module, aliveShare(output as Tensor)), fn);
    const all = mortal.map((module) => shares.get(module) ?? full([], NaN));
    this.#dead = all.length === 0 ? undefined : withoutTracking(() => stack(all));
    return result;
  }

  /** Returns what the last batch is to measure besides. */
  get dead(): readonly Tensor[] {
    return this.#dead === undefined ? [] : [this.#dead];
  }

  /**
   * Squared norms of parameters and their gradients, which the step scales, two a layer, and the parameters as they are, to be recorded before the
   * step is submitted.
   */
  gradients(scale?: Tensor): { readonly norms: Tensor; readonly before: readonly Tensor[] } {
    return withoutTracking(() => {
      const trained = this.#trained();
      const scaled = (squared: Tensor): Tensor => (scale === undefined ? squared : mul(squared, mul(scale, scale)));
      const norms = trained.flatMap(({ parameters }) => [squares(parameters), scaled(squares(parameters.map(({ grad }) => grad)))]);
      const before = trained.flatMap(({ parameters }) => parameters.map((parameter) => mul(parameter as Tensor, 1).keep() as Tensor));
      return { norms: stack(norms), before };
    });
  }

  /** Squared distances of the parameters from what they were, one a layer; to be read as soon as the step was submitted, before another one. */
  async moved(before: readonly Tensor[]): Promise<Float32Array> {
    let at = 0;
    const distances = withoutTracking(() => stack(this.#trained().map(({ parameters }) => squares(parameters.map((parameter) => sub(parameter as Tensor, before[at++]!))))));
    const values = (await distances.data()) as Float32Array;
    for (const tensor of before) tensor.dispose();
    return values;
  }

  /** Returns the statistics, made of the values of `dead`, `norms` and `moved`. */
  statistics(dead: ArrayLike<number> | undefined, norms: ArrayLike<number>, moved: ArrayLike<number>): LayerStatistics[] {
    let dying = 0;
    let trained = 0;
    return this.#layers.map(({ module, parameters }) => {
      const layer = { layer: module.path$, kind: String(module) };
      if (parameters.length === 0) return { ...layer, deadShare: 1 - dead![dying++]! };
      const i = trained++;
      const weightNorm = Math.sqrt(norms[2 * i]!);
      return { ...layer, parameters: { weightNorm, gradientNorm: Math.sqrt(norms[2 * i + 1]!), updateRatio: Math.sqrt(moved[i]!) / weightNorm } };
    });
  }

  #trained(): readonly Layer[] {
    return this.#layers.filter(({ parameters }) => parameters.length > 0);
  }
}

interface Layer {
  readonly module: Module;
  readonly parameters: readonly Parameter[];
}

function mayDie(module: Module): boolean {
  return module instanceof Activation && module.mayDie;
}

/** The share of units of an example that are not 0 for all examples. */
function aliveShare(output: Tensor): Tensor {
  return withoutTracking(() => mean(cast(any(notEqual(output, 0), { axis: 0 }), 'float32')) as Tensor);
}

/** The sum of the squares of all elements. */
function squares(tensors: readonly (Tensor | undefined)[]): Tensor {
  return tensors.map((tensor) => (tensor === undefined ? full([], 0) : sum(mul(tensor, tensor))) as Tensor).reduce((total, one) => add(total, one));
}
