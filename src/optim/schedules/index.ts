export { product, sequence, warmup } from './combine.js';
export { cyclic, oneCycle, type CyclicOptions, type OneCycle, type OneCycleOptions } from './cycles.js';
export {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  inverseSquareRoot,
  linear,
  multiStep,
  polynomial,
  step,
  type CosineOptions,
  type PolynomialOptions,
  type RestartOptions,
} from './decays.js';
export { reduceOnPlateau, type PlateauOptions, type PlateauSchedule, type PlateauState } from './plateau.js';
export type { DescribedSchedule, NamedSchedule, Schedule } from './schedule.js';
