import type { AnyMetric } from '../metrics/index.js';
import type { EpochEvent, FitEvent, Results, StepEvent } from './events.js';
import type { LayerStatistics } from './inspection.js';
import type { EpochAccumulator } from './epoch-accumulator.js';

/** A step that has run, as callbacks get it. A class, because there may be a hundred thousand a second. */
export class CompletedStep<M extends AnyMetric> implements StepEvent<M> {
  readonly type = 'step';
  readonly epochs: number;
  readonly firstEpoch: number;
  readonly stepsPerEpoch: number | undefined;
  readonly stepwise: string | undefined;
  readonly stop: FitEvent['stop'];
  readonly epoch: number;
  readonly step: number;
  readonly loss: number;
  readonly examples: number;
  readonly seconds: number;
  declare readonly layers?: readonly LayerStatistics[];
  readonly #accumulator: EpochAccumulator<M>;
  #results: Results<M> | undefined = undefined;

  constructor(event: EpochEvent, step: number, loss: number, accumulator: EpochAccumulator<M>, layers: readonly LayerStatistics[] | undefined) {
    this.epochs = event.epochs;
    this.firstEpoch = event.firstEpoch;
    this.stepsPerEpoch = event.stepsPerEpoch;
    this.stepwise = event.stepwise;
    this.stop = event.stop;
    this.epoch = event.epoch;
    this.step = step;
    this.loss = loss;
    this.examples = accumulator.examples;
    this.seconds = accumulator.seconds;
    if (layers !== undefined) this.layers = layers;
    this.#accumulator = accumulator;
  }

  get results(): Results<M> {
    return (this.#results ??= this.#accumulator.results());
  }
}
