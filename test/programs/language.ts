import fc from 'fast-check';

/** Statements of a random program in a step besides forward, backward and step. */
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
  'keepViews',
  'scalarViews',
  'watchView',
  'keepState',
  'holdGradient',
  'load',
  'customOp',
  'scalarLoss',
  'assign',
  'readBuffer',
  'penalty',
  'recompute',
  'recomputeSome',
  'recomputeAll',
] as const;
export type Action = (typeof actions)[number];

export interface ModelSpec {
  readonly widths: readonly number[];
  readonly activations: readonly string[];
  readonly optimizer: 'sgd' | 'momentum' | 'adam';
  /** Two parameters of one element, whose gradients may be one another; of this shape. */
  readonly scalars: readonly number[];
  /** Two optimizers, each with a part of the parameters: cut behind the first layer, or between the two scalars. */
  readonly split: 'no' | 'layer' | 'scalars';
  /** Parameters with options of their own. */
  readonly grouped: boolean;
  readonly seed: number;
}

export interface StepSpec {
  readonly batch: number;
  /** A branch of the user's code, flipping from step to step. */
  readonly branch: boolean;
  readonly scale: number;
  /** Number of scalars that are recorded besides. */
  readonly extra: number;
  readonly loss: 'crossEntropy' | 'square' | 'sum';
  /** Number of backward() before the step. */
  readonly backwards: number;
  readonly actions: readonly Action[];
  readonly seed: number;
}

export interface ProgramSpec {
  readonly loops: readonly { readonly model: ModelSpec; readonly steps: readonly StepSpec[] }[];
}

/** Mostly small; the large ones take more than a millisecond, so their steps run elsewhere. */
const widths = fc.oneof(
  { weight: 19, arbitrary: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant([256, 384, 9]) },
);

const model: fc.Arbitrary<ModelSpec> = fc.record({
  widths,
  activations: fc.array(fc.constantFrom('relu', 'tanh', 'gelu', 'square', 'gate', 'cell', 'memory', 'none'), { minLength: 1, maxLength: 3 }),
  optimizer: fc.constantFrom('sgd', 'momentum', 'adam'),
  scalars: fc.constantFrom([], [1]),
  split: fc.constantFrom('no', 'layer', 'scalars'),
  grouped: fc.boolean(),
  seed: fc.integer({ min: 1, max: 1000 }),
});

const step: fc.Arbitrary<StepSpec> = fc.record({
  batch: fc.constantFrom(1, 3, 4, 4, 4),
  branch: fc.boolean(),
  scale: fc.constantFrom(0.5, 1, 2, -1),
  extra: fc.oneof({ weight: 19, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1100) }),
  loss: fc.constantFrom('crossEntropy', 'square', 'sum'),
  backwards: fc.constantFrom(1, 1, 1, 2, 3),
  // Few at a time: the more a step does, the more it reads too early for what comes later.
  actions: fc.oneof(fc.subarray([...actions]), fc.subarray([...actions], { maxLength: 3 })),
  seed: fc.integer({ min: 1, max: 1000 }),
});

/** One or two training loops, each with a model of its own, running at once. */
export const program: fc.Arbitrary<ProgramSpec> = fc.record({
  loops: fc.array(fc.record({ model, steps: fc.array(step, { minLength: 1, maxLength: 5 }) }), { minLength: 1, maxLength: 2 }),
});
