import type { DType } from '../dtype.js';
import type { AttrValue, Attrs, OpRecord } from '../ops/record.js';
import { sameOrder } from '../ops/layout.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { anyAssigned, assignmentsWith, isSuperseded, lastOfEach, type Assignment } from '../graph/assignments.js';
import { RegionNumbers } from '../graph/recompute-region.js';
import { beginWalk, extendOrder } from '../graph/walk.js';
import { isInPlace, type Output, type Request } from './request.js';

/** The nodes behind a request, operands first, and the leaves that it reads or writes besides. number$ of each is its position. */
export function nodesOf(request: Request): Tensor[] {
  const roots: Tensor[] = [...request.losses, ...request.effects];
  for (const { tensor, destination } of request.outputs) {
    roots.push(tensor);
    if (destination.to === 'leaf') roots.push(destination.leaf);
  }
  for (const { dy, terms } of request.rules.values()) roots.push(dy, ...terms.filter((term) => term !== undefined));
  for (const { accumulator, earlier } of request.accumulations) roots.push(accumulator, ...(earlier === undefined ? NONE : [earlier]));
  for (const { accumulator } of request.updates) if (accumulator !== undefined) roots.push(accumulator);
  if (request.scale !== undefined) roots.push(request.scale);
  for (const { buffer, value } of request.commits ?? NO_COMMITS) roots.push(buffer, value);
  const order: Tensor[] = [];
  const walk = beginWalk();
  const operands = followed(request);
  extendOrder(order, walk, roots, operands);
  if (request.losses.length > 0) addStoredOutputs(order, walk, operands);
  if (request.commits?.length === 0 && anyAssigned()) findCommits(request, order, walk, operands);
  return order;
}

/** Adds further outputs of these nodes that are in native memory already: gradient rules may read them, though the losses do not depend on them. */
function addStoredOutputs(order: Tensor[], walk: number, operands: (node: Tensor) => readonly Tensor[]): void {
  for (let i = 0; i < order.length; i++) {
    const outputs = order[i]!.outputs$;
    if (outputs !== undefined) extendOrder(order, walk, outputs.filter((output) => output.storage$ !== undefined), operands);
  }
}

/** Adds the assignments that come with these nodes, and what their values depend on. */
function findCommits({ commits, outputs, updater }: Request, order: Tensor[], walk: number, operands: (node: Tensor) => readonly Tensor[]): void {
  const found: Assignment[] = [];
  for (let i = 0; i < order.length; i++) {
    const own = assignmentsWith(order[i]!);
    if (own.length === 0) continue;
    found.push(...own);
    extendOrder(order, walk, own.flatMap(({ buffer, value }) => [buffer, value]), operands);
  }
  let storages = outputs.filter(({ destination }) => destination.to === 'storage').length;
  for (const assignment of lastOfEach(found)) {
    commits!.push(assignment);
    const { value } = assignment;
    // Others may read it after the buffer has changed again. What is written in place is never whole elsewhere, and stale then.
    const isReadLater = value.storage$ === undefined && !isInPlace(assignment) && (updater === undefined || isSuperseded(assignment));
    if (isReadLater) outputs.push({ tensor: value, destination: { to: 'storage', index: storages++ } });
  }
}

/** The function that gives the operands of a node that belong to the request. */
function followed({ losses }: Request): (node: Tensor) => readonly Tensor[] {
  return losses.length === 0 ? computedFrom : differentiatedThrough;
}

/** Operands that have to run to compute a node: none where its elements are in native memory already. */
function computedFrom(node: Tensor): readonly Tensor[] {
  return node.storage$ === undefined ? node.inputs : NONE;
}

/** Gradients flow through values that an earlier read has computed, too. */
function differentiatedThrough(node: Tensor): readonly Tensor[] {
  return node.storage$ === undefined || node.requiresGrad ? node.inputs : NONE;
}

const NONE: readonly Tensor[] = [];

/** The part of a node that decides the program: its op, attributes and operands by position; of a leaf, shape, dtype and kind. */
interface NodeSignature {
  readonly op: OpRecord;
  readonly attrs: Attrs | undefined;
  readonly inputs: readonly number[];
  readonly shape: Shape;
  readonly dtype: DType;
  readonly requiresGrad: boolean;
  readonly stored: boolean;
  readonly strides: readonly number[] | undefined;
  /** Computed again for the backward pass; see recompute(). */
  readonly isRecomputed: boolean;
}

/** The structure of a request, without its values: requests of the same structure run the same program. */
export class GraphSignature {
  private readonly nodes: readonly NodeSignature[];
  private readonly losses: readonly number[];
  private readonly rules: readonly { readonly node: number; readonly dy: number; readonly terms: readonly (number | undefined)[] }[];
  private readonly effects: readonly number[];
  private readonly outputs: readonly { readonly node: number; readonly to: string; readonly index: number }[];
  private readonly accumulations: readonly { readonly storage: number; readonly accumulator: number; readonly earlier: number | undefined }[];
  private readonly updates: readonly { readonly storage: number; readonly hasGradient: boolean; readonly accumulator: number | undefined }[];
  private readonly commits: readonly { readonly buffer: number; readonly value: number }[];
  private readonly updater: { readonly id: number; readonly version: number } | undefined;
  private readonly finite: Request['finite'];
  private readonly scale: number | undefined;
  /** Undefined where there are none. */
  private readonly regions: RegionNumbers | undefined;
  /** Of a step of the usual kind. */
  private readonly isFollowed: boolean;

  constructor(request: Request, nodes: readonly Tensor[]) {
    const operands = followed(request);
    this.nodes = nodes.map((node) => ({
      op: node.op,
      attrs: node.attrs,
      inputs: operands(node).map((input) => input.number$),
      shape: node.shape,
      dtype: node.dtype,
      requiresGrad: node.requiresGrad,
      stored: node.storage$ !== undefined,
      strides: node.storage$?.strides,
      isRecomputed: node.region$ !== undefined,
    }));
    this.regions = regionsOf(nodes);
    this.losses = request.losses.map((loss) => loss.number$);
    this.rules = [...request.rules].map(([node, { dy, terms }]) => ({ node: node.number$, dy: dy.number$, terms: terms.map((term) => term?.number$) }));
    this.effects = request.effects.map((effect) => effect.number$);
    this.outputs = request.outputs.map(({ tensor, destination }) => ({ node: tensor.number$, to: destination.to, index: indexOf(destination) }));
    this.accumulations = request.accumulations.map(({ parameter, accumulator, earlier }) => ({
      storage: parameter.storage$!.id,
      accumulator: accumulator.number$,
      earlier: earlier?.number$,
    }));
    this.updates = request.updates.map(({ parameter, hasGradient, accumulator }) => ({
      storage: parameter.storage$!.id,
      hasGradient,
      accumulator: accumulator?.number$,
    }));
    this.commits = (request.commits ?? NO_COMMITS).map(({ buffer, value }) => ({ buffer: buffer.number$, value: value.number$ }));
    this.finite = request.finite;
    this.scale = request.scale?.number$;
    this.updater = request.updater && { id: request.updater.id, version: request.updater.version };
    this.isFollowed = isFollowed(request);
  }

  /** Returns whether `request`, whose nodes these are, has this structure. */
  matches(request: Request, nodes: readonly Tensor[]): boolean {
    return (
      nodes.length === this.nodes.length &&
      request.updater?.id === this.updater?.id &&
      request.updater?.version === this.updater?.version &&
      request.finite === this.finite &&
      request.scale?.number$ === this.scale &&
      this.sameRoots(request) &&
      this.sameRules(request) &&
      this.sameCommits(request) &&
      this.sameGradients(request) &&
      this.sameNodes(nodes, followed(request)) &&
      this.sameRegions(nodes)
    );
  }

  /**
   * Returns the nodes of a step that has this structure, by position, or undefined where it has another one, or something has to be seen to before it can run. It
   * walks by what is known of the structure, results before operands, so that a node is met once: no order has to be found, and what nodesOf(), checkFresh() and
   * matches() look at is looked at here. A tensor has one position, and a position one tensor, so that the nodes are those that nodesOf() would give.
   */
  follow(request: Request): Tensor[] | undefined {
    if (!this.isFollowed || !isFollowed(request) || anyAssigned()) return undefined;
    if (request.updater!.id !== this.updater!.id || request.updater!.version !== this.updater!.version || request.finite !== this.finite) return undefined;
    const nodes: Tensor[] = [];
    nodes.length = this.nodes.length;
    const walk = beginWalk();
    const operands = followed(request);
    return this.placeRoots(request, nodes, walk) && this.placeOperands(nodes, walk, operands) && this.sameGradients(request) && this.sameRegions(nodes) ? nodes : undefined;
  }

  private placeRoots({ losses, outputs, updates, scale }: Request, nodes: Tensor[], walk: number): boolean {
    if (losses.length !== this.losses.length || outputs.length !== this.outputs.length || updates.length !== this.updates.length || (scale === undefined) !== (this.scale === undefined)) return false;
    for (let i = 0; i < losses.length; i++) if (!place(losses[i]!, this.losses[i]!, nodes, walk)) return false;
    for (let i = 0; i < outputs.length; i++) {
      const { tensor, destination } = outputs[i]!;
      const known = this.outputs[i]!;
      if (destination.to !== known.to || !place(tensor, known.node, nodes, walk)) return false;
      if (destination.to === 'leaf' ? !place(destination.leaf, known.index, nodes, walk) : destination.index !== known.index) return false;
    }
    for (let i = 0; i < updates.length; i++) {
      const { accumulator } = updates[i]!;
      const known = this.updates[i]!.accumulator;
      if ((accumulator === undefined) !== (known === undefined) || (accumulator !== undefined && !place(accumulator, known!, nodes, walk))) return false;
    }
    return scale === undefined || place(scale, this.scale!, nodes, walk);
  }

  private placeOperands(nodes: Tensor[], walk: number, operandsOf: (node: Tensor) => readonly Tensor[]): boolean {
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i];
      const known = this.nodes[i]!;
      if (node === undefined || node.stale || !isAlike(node, known)) return false;
      const operands = node.inputs.length === 0 ? node.inputs : operandsOf(node);
      const { inputs } = known;
      if (operands.length !== inputs.length) return false;
      if (inputs.length === 0 && !(node.dtype === known.dtype && sameShape(node.shape, known.shape))) return false;
      for (let k = 0; k < inputs.length; k++) {
        const operand = operands[k]!;
        if (operand.version$ > node.recordedVersion || !place(operand, inputs[k]!, nodes, walk)) return false;
      }
      if (node.outputs$ !== undefined && node.outputs$.some((output) => output.storage$ !== undefined && output.walk$ !== walk)) return false;
    }
    return true;
  }

  /** Says what of `request` is the first thing that is other than here. `placeOf` gives the place in the user's code where a node was recorded, as far as it knows. */
  difference(request: Request, nodes: readonly Tensor[], placeOf: (node: Tensor) => string | undefined = () => undefined): string {
    const operands = followed(request);
    for (let i = 0; i < nodes.length; i++) {
      // The call that reads an operand of another kind says more than the operand.
      if (nodes[i]!.op.kind === 'leaf' && nodes[i]!.op !== this.nodes[i]?.op && i < nodes.length - 1) continue;
      const [node, before] = [nodes[i]!, this.nodes[i]];
      const place = placeOf(node);
      const call = `${shown(node)}${place === undefined ? '' : ` (${place})`}`;
      if (before === undefined) return `${call} is one call more`;
      if (node.op !== before.op) return `${call} is recorded where ${shown(before)} was`;
      if (!sameShape(node.shape, before.shape) || node.dtype !== before.dtype) return `${call} was ${shown(before)}`;
      if (node.attrs !== before.attrs && !sameAttrs(node.attrs, before.attrs)) return `${call} has other options: ${JSON.stringify(node.attrs)}, before ${JSON.stringify(before.attrs)}`;
      const inputs = operands(node);
      if (inputs.length !== before.inputs.length || inputs.some((input, k) => input.number$ !== before.inputs[k])) return `${call} has other operands`;
      if (node.requiresGrad !== before.requiresGrad) return `${call} ${node.requiresGrad ? 'requires a gradient, which it did not' : 'requires no gradient any more'}`;
      if ((node.storage$ !== undefined) !== before.stored) return `${call} ${before.stored ? 'was read before the step' : 'was not read before the step'}, and now ${before.stored ? 'is not' : 'is'}`;
      if ((node.region$ !== undefined) !== before.isRecomputed) return `${call} is ${before.isRecomputed ? 'in no recompute(), where it was before' : 'in a recompute(), where it was not before'}`;
    }
    if (!this.sameRegions(nodes)) return 'calls of recompute() have other nodes';
    if (nodes.length < this.nodes.length) return `${shown(this.nodes[nodes.length]!)} is one call less`;
    if (request.updater?.version !== this.updater?.version) return 'options of the optimizer were changed';
    if (!this.sameGradients(request)) return 'other parameters have gradients, or earlier ones that are added to';
    return 'other scalars or kept tensors are to be delivered';
  }

  private sameRoots(request: Request): boolean {
    const { losses, outputs, effects } = this;
    if (request.losses.length !== losses.length || request.outputs.length !== outputs.length || request.effects.length !== effects.length) return false;
    for (let i = 0; i < losses.length; i++) if (request.losses[i]!.number$ !== losses[i]) return false;
    for (let i = 0; i < effects.length; i++) if (request.effects[i]!.number$ !== effects[i]) return false;
    for (let i = 0; i < outputs.length; i++) {
      const { tensor, destination } = request.outputs[i]!;
      const known = outputs[i]!;
      if (tensor.number$ !== known.node || destination.to !== known.to || indexOf(destination) !== known.index) return false;
    }
    return true;
  }

  private sameCommits(request: Request): boolean {
    const commits = request.commits ?? NO_COMMITS;
    if (commits.length !== this.commits.length) return false;
    for (let i = 0; i < commits.length; i++) {
      const { buffer, value } = commits[i]!;
      if (buffer.number$ !== this.commits[i]!.buffer || value.number$ !== this.commits[i]!.value) return false;
    }
    return true;
  }

  private sameRules({ rules }: Request): boolean {
    if (rules.size !== this.rules.length) return false;
    let i = 0;
    for (const [node, { dy, terms }] of rules) {
      const known = this.rules[i++]!;
      if (node.number$ !== known.node || dy.number$ !== known.dy || terms.length !== known.terms.length) return false;
      for (let k = 0; k < terms.length; k++) if (terms[k]?.number$ !== known.terms[k]) return false;
    }
    return true;
  }

  private sameGradients(request: Request): boolean {
    const { accumulations, updates } = this;
    if (request.accumulations.length !== accumulations.length || request.updates.length !== updates.length) return false;
    for (let i = 0; i < accumulations.length; i++) {
      const { parameter, accumulator, earlier } = request.accumulations[i]!;
      const known = accumulations[i]!;
      if (parameter.storage$!.id !== known.storage || accumulator.number$ !== known.accumulator || earlier?.number$ !== known.earlier) return false;
    }
    for (let i = 0; i < updates.length; i++) {
      const { parameter, hasGradient, accumulator } = request.updates[i]!;
      const known = updates[i]!;
      if (parameter.storage$!.id !== known.storage || hasGradient !== known.hasGradient || accumulator?.number$ !== known.accumulator) return false;
    }
    return true;
  }

  /** Of nodes that are alike: each is in a region where it was in one. */
  private sameRegions(nodes: readonly Tensor[]): boolean {
    return this.regions === undefined || this.regions.equals(new RegionNumbers(nodes.map((node) => node.region$)));
  }

  private sameNodes(nodes: readonly Tensor[], operands: (node: Tensor) => readonly Tensor[]): boolean {
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      const known = this.nodes[i]!;
      if (!isAlike(node, known)) return false;
      const { inputs } = known;
      const own = operands(node);
      if (own.length !== inputs.length) return false;
      if (inputs.length === 0 && !(node.dtype === known.dtype && sameShape(node.shape, known.shape))) return false;
      for (let k = 0; k < inputs.length; k++) if (own[k]!.number$ !== inputs[k]) return false;
    }
    return true;
  }
}

function regionsOf(nodes: readonly Tensor[]): RegionNumbers | undefined {
  return nodes.some((node) => node.region$ !== undefined) ? new RegionNumbers(nodes.map((node) => node.region$)) : undefined;
}

const NO_COMMITS: readonly Assignment[] = [];

/** Returns whether a request is a step of the usual kind: all that it needs is behind its losses and outputs, or waits in accumulators. */
function isFollowed({ updater, effects, rules, accumulations, commits }: Request): boolean {
  return updater !== undefined && effects.length === 0 && rules.size === 0 && accumulations.length === 0 && commits!.length === 0;
}

/** Gives a tensor a position; false where it has another one in this walk, or the position another tensor. */
function place(tensor: Tensor, position: number, nodes: Tensor[], walk: number): boolean {
  if (tensor.walk$ === walk) return tensor.number$ === position;
  if (nodes[position] !== undefined) return false;
  tensor.walk$ = walk;
  tensor.number$ = position;
  nodes[position] = tensor;
  return true;
}

/** Returns whether a node has this signature, operands, and shapes of leaves, aside. */
function isAlike(node: Tensor, { op, requiresGrad, stored, strides, attrs, isRecomputed }: NodeSignature): boolean {
  const storage = node.storage$;
  if (node.op !== op || node.requiresGrad !== requiresGrad || (storage !== undefined) !== stored || (node.region$ !== undefined) !== isRecomputed) return false;
  if (storage !== undefined && !sameOrder(storage.strides, strides)) return false;
  return node.attrs === attrs || sameAttrs(node.attrs, attrs);
}

function indexOf(destination: Output['destination']): number {
  return destination.to === 'leaf' ? destination.leaf.number$ : destination.index;
}

/** A call, or an input, with the shape of its result. */
function shown({ op, shape, dtype }: Pick<NodeSignature, 'op' | 'shape' | 'dtype'>): string {
  return `${op.kind === 'leaf' ? `the ${op.name}` : `[${op.name}]`} of ${showShape(shape)} ${dtype}`;
}

function sameAttrs(a: Attrs | undefined, b: Attrs | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => sameValue(a[name], b[name]));
}

function sameValue(a: AttrValue, b: AttrValue): boolean {
  if (Object.is(a, b)) return true;
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, i) => sameValue(value as AttrValue, b[i] as AttrValue));
}
