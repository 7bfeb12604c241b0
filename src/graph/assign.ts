import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkTensor } from '../ops/check.js';
import { checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { withoutTracking } from './recorder.js';
import { staleError } from './stale.js';
import { postOrder } from './walk.js';

/** A value that a buffer is to get when the program has run that it was recorded for. */
export interface Assignment {
  readonly buffer: Parameter;
  readonly value: Tensor;
  /** Committed, or given up. */
  done: boolean;
}

/** Assignments that are neither, by buffer, in the order of recording. */
const open = new Map<Parameter, readonly Assignment[]>();

export interface AssignOptions {
  /** The tensor whose program commits it, such as the output of the layer. Default: the value. */
  readonly along?: Tensor | undefined;
}

/**
 * Gives a buffer a new value while a forward pass is recorded: running statistics, a count of batches. What is recorded from then on
 * reads the new value; the memory changes once, when the program that computes `along` runs, as its last act: a step that fails leaves
 * it as it was. Of several assignments the last one stays. The value is not differentiated.
 * Throws ArgumentError for what is no buffer, and ShapeError or DTypeError for a value that does not fit it.
 *
 *     assign(this.count, this.count.add(1), { along: y });
 */
export function assign(buffer: Parameter<Shape, 'float32'> | Parameter<Shape, 'int32'>, value: Tensor, options: AssignOptions = {}): void {
  checkOptions('assign', options, ['along']);
  if (!(buffer instanceof Parameter) || !buffer.isBuffer) {
    throw new ArgumentError(`[assign] buffer: got ${buffer instanceof Parameter ? 'a parameter that is trained' : describeValue(buffer)}, expected a buffer: new Parameter(shape, init, { requiresGrad: false }).`, { op: 'assign' });
  }
  checkTensor('assign', value, 'the value');
  const { along = value } = options;
  checkTensor('assign', along, 'along');
  const shapes = [buffer.shape, value.shape];
  if (!sameShape(buffer.shape, value.shape)) throw new ShapeError(`[assign] the shapes differ: got ${showShape(value.shape)}, expected the buffer's ${showShape(buffer.shape)}. Reduce or reshape the value.`, { op: 'assign', shapes });
  if (buffer.dtype !== value.dtype) throw new DTypeError(`[assign] the dtypes differ: got ${value.dtype}, expected the buffer's ${buffer.dtype}. Use cast().`, { op: 'assign', shapes });
  for (const tensor of [value, along]) if (tensor.stale) throw staleError('assign', tensor);
  const assignment: Assignment = { buffer: buffer as Parameter, value: withoutTracking(() => value.detach()), done: false };
  along.assignments$ = [...(along.assignments$ ?? []), assignment];
  buffer.assigned$ = assignment.value;
  open.set(assignment.buffer, [...waiting(assignment.buffer), assignment]);
}

/** The value that what is recorded now reads of a buffer: for code of the library whose scalars are nobody's outputs, see withoutTracking(). */
export function latest(buffer: Tensor): Tensor {
  return buffer.assigned$ ?? buffer;
}

/** Whether any assignment waits: nothing has to be looked for where not. */
export function anyAssigned(): boolean {
  return open.size > 0;
}

/** The buffers with assignments that wait, of the model of `parameter`, or of none. */
export function assignedBuffers(parameter: Parameter | undefined): Parameter[] {
  return [...open.keys()].filter(({ generator$ }) => generator$ === undefined || generator$ === parameter?.generator$);
}

/** The values that buffers are assigned: each is stored when it is committed ahead of the last step that could read it. */
export function assignedValues(): ReadonlySet<Tensor> {
  return new Set([...open.values()].flatMap((assignments) => assignments.map(({ value }) => value)));
}

/** Of assignments that commit together, the last one of each buffer. */
export function lastOfEach(assignments: readonly Assignment[]): Assignment[] {
  const buffers = new Set(assignments.map(({ buffer }) => buffer));
  return [...buffers].map((buffer) => waiting(buffer).findLast((assignment) => assignments.includes(assignment))!);
}

/** Whether a later assignment of the same buffer waits, which may read this one's value. */
export function isSuperseded({ buffer, value }: Assignment): boolean {
  return buffer.assigned$ !== value;
}

/** Notes that the buffer has this value now. Earlier assignments have come to nothing: theirs went into this one's, or nobody reads them. */
export function commit(assignment: Assignment): void {
  // Later readers have its elements, whatever becomes of what it was made of.
  if (assignment.value.storage$ !== undefined) assignment.value.inputs = [];
  close(assignment.buffer, waiting(assignment.buffer).indexOf(assignment) + 1);
}

/** Gives up all assignments of a buffer: it was overwritten, or the step has failed that was to commit one. */
export function abandonAssignments(buffer: Parameter): void {
  close(buffer, Infinity);
}

/** Gives up assignments whose values belong to a step that is finished. */
export function abandonStale(): void {
  for (const buffer of open.keys()) {
    const stale = postOrder(
      waiting(buffer).map(({ value }) => value),
      (node) => node.inputs,
    ).some((node) => node.stale || node.inputs.some((input) => input.version$ > node.recordedVersion));
    if (stale) abandonAssignments(buffer);
  }
}

function waiting(buffer: Parameter): readonly Assignment[] {
  return open.get(buffer) ?? [];
}

/** Ends the first `count` assignments of a buffer. */
function close(buffer: Parameter, count: number): void {
  const all = waiting(buffer);
  for (const assignment of all.slice(0, count)) assignment.done = true;
  const rest = all.slice(count);
  buffer.assigned$ = rest.at(-1)?.value;
  if (rest.length === 0) open.delete(buffer);
  else open.set(buffer, rest);
}
