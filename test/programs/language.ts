import fc from 'fast-check';

/** What a random program may do in a step besides forward, backward and step. */
export const actions = [
  'zeroGrad',
  'readInner',
  'readLoss',
  'readGradient',
  'readParameter',
  'predict',
  'predictUnawaited',
  'keep',
  'useKept',
  'scalar',
  'secondLoss',
  'pause',
  'rush',
] as const;
export type Action = (typeof actions)[number];

export interface ModelSpec {
  readonly widths: readonly number[];
  readonly activations: readonly string[];
  readonly optimizer: 'sgd' | 'momentum' | 'adam';
  /** Two optimizers, each with a part of the parameters. */
  readonly split: boolean;
  readonly seed: number;
}

export interface StepSpec {
  readonly batch: number;
  /** A branch of the user's code, flipping from step to step. */
  readonly branch: boolean;
  readonly scale: number;
  readonly loss: 'crossEntropy' | 'square' | 'sum';
  /** How many backward() before the step. */
  readonly backwards: number;
  readonly actions: readonly Action[];
  readonly seed: number;
}

export interface ProgramSpec {
  readonly loops: readonly { readonly model: ModelSpec; readonly steps: readonly StepSpec[] }[];
}

const model: fc.Arbitrary<ModelSpec> = fc.record({
  widths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }),
  activations: fc.array(fc.constantFrom('relu', 'tanh', 'gelu', 'square', 'gate', 'none'), { minLength: 1, maxLength: 3 }),
  optimizer: fc.constantFrom('sgd', 'momentum', 'adam'),
  split: fc.boolean(),
  seed: fc.integer({ min: 1, max: 1000 }),
});

const step: fc.Arbitrary<StepSpec> = fc.record({
  batch: fc.constantFrom(1, 3, 4, 4, 4),
  branch: fc.boolean(),
  scale: fc.constantFrom(0.5, 1, 2, -1),
  loss: fc.constantFrom('crossEntropy', 'square', 'sum'),
  backwards: fc.constantFrom(1, 1, 1, 2, 3),
  actions: fc.subarray([...actions]),
  seed: fc.integer({ min: 1, max: 1000 }),
});

/** One or two training loops, each with a model of its own, running at once. */
export const program: fc.Arbitrary<ProgramSpec> = fc.record({
  loops: fc.array(fc.record({ model, steps: fc.array(step, { minLength: 1, maxLength: 5 }) }), { minLength: 1, maxLength: 2 }),
});
