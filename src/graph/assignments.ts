import type { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';
import { postOrder } from './walk.js';

/** A value that a buffer is to get when the program has run that it was recorded for; see assign(). */
export interface Assignment {
  readonly buffer: Parameter;
  readonly value: Tensor;
  /** The tensor whose program commits it. */
  readonly along: Tensor;
  /** Committed, or given up. */
  done: boolean;
}

const NO_BUFFERS: readonly Parameter[] = [];
const NONE: readonly Assignment[] = [];
/**
 * The buffers with assignments that are neither. Those stand with the buffer, in the order of recording: a Map of them, whose tables the collector of young objects sees linked to each other, would
 * keep the graphs of all steps until the next collection of all objects.
 */
const open: Parameter[] = [];
/** Assignments by the tensor whose program commits them. Apart from the tensors, of which few have any. */
const byTensor = new WeakMap<Tensor, readonly Assignment[]>();

/** Adds an assignment, which the program that computes `along` commits. */
export function addAssignment(buffer: Parameter, value: Tensor, along: Tensor): void {
  const assignment: Assignment = { buffer, value, along, done: false };
  byTensor.set(along, [...assignmentsWith(along), assignment]);
  if (waiting(buffer).length === 0) open.push(buffer);
  buffer.assignments$ = [...waiting(buffer), assignment];
}

/** The assignments that come with the program that computes `tensor`. */
export function assignmentsWith(tensor: Tensor): readonly Assignment[] {
  return byTensor.get(tensor)?.filter(({ done }) => !done) ?? NONE;
}

/** The value that what is recorded now reads of a buffer: for code of the library whose scalars are nobody's outputs, see withoutTracking(). */
export function latest(buffer: Tensor): Tensor {
  return (buffer as Parameter).assignments$?.at(-1)?.value ?? buffer;
}

/** Returns whether any assignment waits: nothing has to be looked for where not. */
export function anyAssigned(): boolean {
  return open.length > 0;
}

/** The buffers with assignments that wait, of the model of `parameter`, or of none. */
export function assignedBuffers(parameter: Parameter | undefined): readonly Parameter[] {
  if (open.length === 0) return NO_BUFFERS;
  return open.filter(({ generator$ }) => generator$ === undefined || generator$ === parameter?.generator$);
}

/** The values that buffers are assigned: each is stored when it is committed ahead of the last step that could read it. */
export function assignedValues(): ReadonlySet<Tensor> {
  return new Set(open.flatMap((buffer) => waiting(buffer).map(({ value }) => value)));
}

/** The last one of each buffer of assignments that commit together. */
export function lastOfEach(assignments: readonly Assignment[]): Assignment[] {
  const buffers = new Set(assignments.map(({ buffer }) => buffer));
  return [...buffers].map((buffer) => waiting(buffer).findLast((assignment) => assignments.includes(assignment))!);
}

/** Returns whether a later assignment of the same buffer waits, which may read this one's value. */
export function isSuperseded({ buffer, value }: Assignment): boolean {
  return latest(buffer) !== value;
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

/** Runs `fn`, which records a forward pass that only somebody looks at: what it assigns is read within it, and comes to nothing. */
export function withoutAssigning<R>(fn: () => R): R {
  const before = new Map(open.map((buffer) => [buffer, waiting(buffer)]));
  try {
    return fn();
  } finally {
    for (const buffer of open.slice()) {
      const kept = before.get(buffer) ?? NONE;
      for (const assignment of waiting(buffer)) if (!kept.includes(assignment)) assignment.done = true;
      leave(buffer, kept);
    }
  }
}

/** Gives up assignments whose values belong to a step that is finished. */
export function abandonStale(): void {
  for (const buffer of open.slice()) {
    const stale = postOrder(
      waiting(buffer).flatMap(({ value, along }) => [value, along]),
      (node) => node.inputs,
    ).some((node) => node.stale || node.inputs.some((input) => input.version$ > node.recordedVersion));
    if (stale) abandonAssignments(buffer);
  }
}

function waiting(buffer: Parameter): readonly Assignment[] {
  return buffer.assignments$ ?? NONE;
}

/** Ends the first `count` assignments of a buffer. */
function close(buffer: Parameter, count: number): void {
  const all = waiting(buffer);
  for (const assignment of all.slice(0, count)) {
    assignment.done = true;
    // The collector of young objects keeps the whole graph of an entry that is left to it.
    if (assignmentsWith(assignment.along).length === 0) byTensor.delete(assignment.along);
  }
  leave(buffer, all.slice(count));
}

function leave(buffer: Parameter, rest: readonly Assignment[]): void {
  buffer.assignments$ = rest.length === 0 ? undefined : rest;
  if (rest.length === 0 && open.includes(buffer)) open.splice(open.indexOf(buffer), 1);
}
