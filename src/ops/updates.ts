import { DTypeError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { codes } from './codes.js';
import { example } from './examples.js';
import type { EffectRecord, Example, Inferred } from './record.js';

/** A rule by which an optimizer updates a parameter: a row of native/kernels/update/rules.def, which gives names and their order. */
export interface UpdateRule {
  readonly name: string;
  /** The arrays that it keeps beside a parameter. */
  readonly states: readonly string[];
  /** Its numbers. */
  readonly hypers: readonly string[];
  /** Switches, from the lowest bit. */
  readonly flags: readonly string[];
}

/** The rows of updates, whose first attribute is their rule. */
export const UPDATE = 'update';
export const UPDATE_ROWS = 'update_rows';

/** A parameter, its gradient, the rule's arrays beside it, its average where one is kept, and the place of its count among the counts of updates. */
export interface UpdateOperands {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly states: readonly Tensor[];
  readonly average: Tensor | undefined;
  readonly place: number;
}

/** Work of an update besides its rule. */
export interface UpdateExtras {
  /** Gradients are multiplied by these, float32 [1] for all or of each its own, ... */
  readonly scales?: Tensor | undefined;
  /** ... then held between -limit and limit; float64 [1]. */
  readonly limit?: Tensor | undefined;
  /** Shares of the way that averages go towards their parameters before and after the step; float64 [2]. */
  readonly average?: Tensor | undefined;
  /** Parameters become their averages where these have gone after the step. */
  readonly pulls?: boolean;
}

const EXTRAS = ['scales', 'limit', 'average'] as const;

type UpdateAttrs = {
  readonly rule: string;
  /** Numbers of arrays and of hyper-parameters that the rule has. */
  readonly states: number;
  readonly hypers: number;
  /** One bit for each flag that is on. */
  readonly flags: number;
  /** Place of the count of each parameter. */
  readonly places: readonly number[];
  /** One bit for each extra that is there. */
  readonly extras: number;
  readonly pulls: boolean;
};

const has = ({ extras }: UpdateAttrs, extra: (typeof EXTRAS)[number]): boolean => (extras & (1 << EXTRAS.indexOf(extra))) !== 0;

/** Operands before those of the first parameter: hyper, counts and the extras. */
const header = (attrs: UpdateAttrs): number => 2 + EXTRAS.filter((extra) => has(attrs, extra)).length;

/** Number of operands of a parameter: itself, its gradient, and what is kept beside it. */
const operandsOf = (attrs: UpdateAttrs): number => 2 + keptBy(attrs);

const keptBy = (attrs: UpdateAttrs): number => attrs.states + (has(attrs, 'average') ? 1 : 0);

/** A rule's update of any number of parameters. Inputs: hyper float64 [..], counts int32 [..], extras, then of each parameter p, g, its state and average. */
export const updateOp: EffectRecord<UpdateAttrs> = {
  name: 'update',
  kind: 'effect',
  writes: (attrs) => attrs.places.flatMap((_, i) => written(attrs, i)),
  infer: (inputs, attrs) => {
    checkSlots(inputs, attrs);
    for (let i = header(attrs); i < inputs.length; i += operandsOf(attrs)) checkArrays(inputs.slice(i, i + operandsOf(attrs)));
    return { shape: inputs[header(attrs)]!.shape, dtype: 'float32' } satisfies Inferred;
  },
  emit: (e, attrs) => {
    const inputs = Array.from({ length: e.inputs }, (_, i) => e.input(i));
    const outputs = attrs.places.flatMap((_, i) => written(attrs, i).map((input) => inputs[input]!));
    let next = 2;
    const extras = EXTRAS.map((extra) => (has(attrs, extra) ? inputs[next++] : undefined));
    const flags = attrs.flags + (has(attrs, 'average') ? codes.update_flags.averages : 0) + (attrs.pulls ? codes.update_flags.writes_average_back : 0);
    const operands = [inputs[0], inputs[1], ...extras, ...inputs.slice(next)];
    e.instruction(UPDATE, outputs, operands, [e.rule(attrs.rule), flags, ...attrs.places]);
  },
  gradient: { none: 'an update is not differentiated' },
  // A chain of ten roundings or so at values of about 1.
  tolerance: { absolute: 1e-6, relative: 1e-6 },
  examples: () => updateExamples({ name: 'sgd', states: [], hypers: ['lr', 'weightDecay'], flags: ['maximize'] }),
};

/** The operands of the i-th parameter that an update overwrites: all but its gradient. */
function written(attrs: UpdateAttrs, i: number): number[] {
  const first = header(attrs) + i * operandsOf(attrs);
  return [first, ...Array.from({ length: keptBy(attrs) }, (_, k) => first + 2 + k)];
}

/** Throws for numbers of a rule that are no slots as it has them. */
export function checkSlots([hyper, counts]: readonly Tensor[], { rule, hypers: wanted }: Pick<UpdateAttrs, 'rule' | 'hypers'>): void {
  if ((hyper!.dtype as string) === 'float64' && sizeOf(hyper!.shape) === wanted && counts!.dtype === 'int32' && counts!.shape.length === 1) return;
  const got = `${hyper!.dtype} ${showShape(hyper!.shape)}, ${counts!.dtype} ${showShape(counts!.shape)}`;
  throw new DTypeError(`[${rule}] the hyper-parameters are wrong: got ${got}, expected slots float64 [${wanted}] and int32 [..].`, { op: rule });
}

function checkArrays(arrays: readonly Tensor[]): void {
  const parameter = arrays[0]!;
  for (const array of arrays) {
    if (sameShape(array.shape, parameter.shape) && array.dtype === 'float32') continue;
    const got = `${array.dtype} ${showShape(array.shape)} beside the parameter ${showShape(parameter.shape)}`;
    throw new ShapeError(`[update] the arrays of an update differ: got ${got}, expected float32 of one shape. Make optimizer state like its parameter.`, {
      op: 'update',
      shapes: [parameter.shape, array.shape],
    });
  }
}

/** Operands that the tests run a rule on: no flag and each alone, on one parameter of many sizes and on several at once. */
export function updateExamples({ name: rule, states, hypers, flags }: UpdateRule): Example[] {
  const sets: (readonly Shape[])[] = [[[0]], [[1]], [[7]], [[8]], [[9]], [[17]], [[101]], [[3, 5]], [[5], [0], [2, 2, 3]], [[4099], [16], [9000]]];
  return [0, ...flags.map((_, bit) => 1 << bit)].flatMap((on) =>
    sets.map((shapes) => {
      const slots: Example['inputs'] = [
        { shape: [hypers.length], from: 0.1, to: 0.9 },
        { shape: [shapes.length], dtype: 'int32', from: 1, to: 10 },
      ];
      // An average of squares is larger than the square of the average.
      const range = (state: string) => (state === 'squareAvg' ? { from: 1, to: 2 } : { from: 0.1, to: 1 });
      const arrays = shapes.flatMap((shape) => ['parameter', 'gradient', ...states].map((array) => ({ shape, ...range(array) })));
      return example([...slots, ...arrays], { rule, states: states.length, hypers: hypers.length, flags: on, places: shapes.map((_, i) => shapes.length - 1 - i), extras: 0, pulls: false });
    }),
  );
}

/** One bit for each flag of a rule that is on. */
export function flagBits(rule: UpdateRule, flags: readonly string[]): number {
  return flags.reduce((set, flag) => set | (1 << rule.flags.indexOf(flag)), 0);
}

/** Updates all these parameters in one instruction. `hyper` and `counts` are slots; `flags` are those of the rule that are on. */
export function update(
  rule: UpdateRule,
  flags: readonly string[],
  hyper: Tensor,
  counts: Tensor,
  updated: readonly UpdateOperands[],
  extras: UpdateExtras = {},
): Tensor {
  const arrays = updated.flatMap(({ parameter, gradient, states, average }) => [parameter, gradient, ...states, ...(average === undefined ? [] : [average])]);
  const given = EXTRAS.map((extra) => extras[extra]);
  return record(updateOp, [hyper, counts, ...given.filter((extra) => extra !== undefined), ...arrays], {
    rule: rule.name,
    states: rule.states.length,
    hypers: rule.hypers.length,
    flags: flagBits(rule, flags),
    places: updated.map(({ place }) => place),
    extras: given.reduce((set, extra, bit) => (extra === undefined ? set : set | (1 << bit)), 0),
    pulls: extras.pulls ?? false,
  });
}

export const updateOps = { update: updateOp };
