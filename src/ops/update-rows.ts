import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { updatedRowsCost } from './costs.js';
import { example } from './examples.js';
import type { EffectRecord } from './record.js';
import { checkSlots, flagBits, UPDATE_ROWS, type UpdateRule } from './updates.js';

/** A table, what is known of its gradient, and the place of its count among the counts of updates. */
export interface RowUpdate {
  /** [V, D]. */
  readonly parameter: Tensor;
  /** [R, D]. */
  readonly gradient: Tensor;
  /** The row of the table that each row of the gradient belongs to, int32 [R], ascending, then -1 for none; undefined: each to its own. */
  readonly rows: Tensor | undefined;
  readonly states: readonly Tensor[];
  readonly place: number;
  /** The gradient is multiplied by this, float32 [1], ... */
  readonly scale: Tensor | undefined;
  /** ... then held between -limit and limit; float64 [1]. */
  readonly limit: Tensor | undefined;
}

const OPTIONAL = ['scale', 'limit', 'rows'] as const;

type UpdateRowsAttrs = {
  readonly rule: string;
  /** Number of hyper-parameters that the rule has. */
  readonly hypers: number;
  /** One bit for each flag that is on. */
  readonly flags: number;
  readonly place: number;
  /** One bit for each optional operand that is there. */
  readonly given: number;
  readonly states: number;
};

const has = ({ given }: UpdateRowsAttrs, bit: number): boolean => (given & (1 << bit)) !== 0;

/** Operands before the table: hyper, counts, and the optional ones. */
const header = (attrs: UpdateRowsAttrs): number => 2 + OPTIONAL.filter((_, bit) => has(attrs, bit)).length;

/** A rule's update of those rows of a table that have a gradient: one of nothing but zeros is none. Inputs: hyper float64 [..], counts int32 [..], the optional ones, table, gradient, states. */
export const updateRowsOp: EffectRecord<UpdateRowsAttrs> = {
  name: 'updateRows',
  kind: 'effect',
  writes: (attrs) => [header(attrs), ...Array.from({ length: attrs.states }, (_, k) => header(attrs) + 2 + k)],
  infer: (inputs, attrs) => {
    checkSlots(inputs, attrs);
    const [table, gradient, ...states] = inputs.slice(header(attrs)).map(({ shape }) => shape) as [Shape, Shape, ...Shape[]];
    const rows = has(attrs, 2) ? inputs[header(attrs) - 1]!.shape : table.slice(0, 1);
    if (table.length !== 2 || !sameShape(gradient, [...rows, table[1]!]) || states.some((state) => !sameShape(state, table))) {
      throw new ShapeError(`[updateRows] the arrays do not fit: got a gradient ${showShape(gradient)} of rows ${showShape(rows)} for the table ${showShape(table)}, expected [R,D], [R] and [V,D].`, { op: 'updateRows', shapes: [table, gradient] });
    }
    return { shape: table, dtype: 'float32' };
  },
  emit: (e, attrs) => {
    const inputs = Array.from({ length: e.inputs }, (_, i) => e.input(i));
    let next = 2;
    const optional = OPTIONAL.map((_, bit) => (has(attrs, bit) ? inputs[next++] : undefined));
    const [rows, width] = e.shape(next + 1) as readonly [number, number];
    const outputs = updateRowsOp.writes(attrs).map((input) => inputs[input]!);
    e.instruction(UPDATE_ROWS, outputs, [inputs[0], inputs[1], ...optional, ...inputs.slice(next)], [e.rule(attrs.rule), attrs.flags, attrs.place], updatedRowsCost(rows, width, 2 * attrs.states + 3));
  },
  gradient: { none: 'an update is not differentiated' },
  // As update has it.
  tolerance: { absolute: 1e-6, relative: 1e-6 },
  examples: () => [
    example([{ shape: [2] }, { shape: [1], dtype: 'int32', from: 1, to: 10 }, { shape: [5, 3] }, { shape: [5, 3] }], { rule: 'sgd', states: 0, hypers: 2, flags: 0, place: 0, given: 0 }),
  ],
};

/** Updates those rows of a table that have a gradient. `hyper` and `counts` are slots; `flags` are those of the rule that are on. */
export function updateRows(rule: UpdateRule, flags: readonly string[], hyper: Tensor, counts: Tensor, update: RowUpdate): Tensor {
  const { parameter, gradient, states, place } = update;
  const optional = OPTIONAL.map((name) => update[name]);
  return record(updateRowsOp, [hyper, counts, ...optional.filter((operand) => operand !== undefined), parameter, gradient, ...states], {
    rule: rule.name,
    states: states.length,
    hypers: rule.hypers.length,
    flags: flagBits(rule, flags),
    place,
    given: optional.reduce((set, operand, bit) => (operand === undefined ? set : set | (1 << bit)), 0),
  });
}

export const updateRowsOps = { updateRows: updateRowsOp };
