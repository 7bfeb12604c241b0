export { adadelta, type AdadeltaOptions } from './adadelta.js';
export { adafactor, type AdafactorOptions } from './adafactor.js';
export { adagrad, type AdagradOptions } from './adagrad.js';
export { adam, adamw, type AdamOptions, type AdamWOptions } from './adam.js';
export { adamax, type AdamaxOptions } from './adamax.js';
export { asgd, type AsgdOptions } from './asgd.js';
export {
  exponentialMovingAverage,
  lookahead,
  stochasticWeightAveraging,
  type Average,
  type ExponentialMovingAverageOptions,
  type LookaheadOptions,
  type StochasticWeightAveragingOptions,
} from './averages.js';
export type { Clip } from './clipping.js';
export { lamb, type LambOptions } from './lamb.js';
export { lbfgs, type Lbfgs, type LbfgsOptions } from './lbfgs.js';
export { lion, type LionOptions } from './lion.js';
export { muon, type MuonOptions } from './muon.js';
export { nadam, type NadamOptions } from './nadam.js';
export type { GroupOf, MatchOf, OptimizerOptions, ParameterGroup, ParametersOf } from './group.js';
export type { Scheduled } from './numbers.js';
export { Optimizer } from './optimizer.js';
export { radam, type RadamOptions } from './radam.js';
export { rmsprop, type RmspropOptions } from './rmsprop.js';
export { rprop, type RpropOptions } from './rprop.js';
export * as schedules from './schedules/index.js';
export type { DescribedSchedule, NamedSchedule, OneCycle, PlateauSchedule, PlateauState, Schedule } from './schedules/index.js';
export { sgd, type SgdOptions } from './sgd.js';
export { sparseAdam, type SparseAdamOptions } from './sparse-adam.js';
