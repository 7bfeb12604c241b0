import { AnnealError } from '../errors.js';
import { gradients } from '../graph/autodiff.js';
import { withoutTracking } from '../graph/recorder.js';
import { allOutputs } from '../graph/walk.js';
import type { Updater } from '../graph/engine.js';
import { showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warn.js';
import { accumulate } from '../ops/accumulate.js';
import { REFERENCE } from './oracle.js';
import type { Mode } from './mode.js';
import { Programs } from './programs.js';
import { CallSites } from './call-sites.js';
import { GraphSignature } from './graph-signature.js';
import { commitsOf, lookAtLosses, NOTHING, sumOf, updatesOf, wholeGradients, type Output, type Request } from './request.js';
import type { ProgramRun } from './run.js';

/**
 * Runs every op at once, on its own, through its reference: the oracle of the tests and the user's microscope. A shape is
 * wrong, or a value not finite, right after the call that made it so.
 */
export class EagerMode implements Mode {
  readonly programs: Programs;

  /**
   * `target` other than the reference: the same kernels as planned mode, so the same bits. `checkFinite`: the first op whose
   * result is not finite throws.
   */
  constructor(
    target = REFERENCE,
    private readonly checkFinite = false,
  ) {
    this.programs = new Programs({ target, atOnce: true, fuse: false, whole: target !== REFERENCE });
    this.callSites = target === REFERENCE ? new CallSites() : undefined;
  }

  /** Structures of the steps of each optimizer: in planned mode, as many plans. */
  private readonly structures = new WeakMap<Updater, GraphSignature[]>();
  /** Places in the user's code, which a user's microscope has to name. */
  private readonly callSites: CallSites | undefined;

  /** Runs a node as it is recorded. */
  readonly hook = (tensor: Tensor): void => {
    const { op } = tensor;
    this.callSites?.note(tensor);
    // A view is no elements of its own: who reads it sees the strides that planned mode sees, so that sums have the same order.
    if (op.kind === 'effect' || op.kind === 'view') return;
    const tensors = allOutputs(tensor);
    const sources = op.kind === 'composite' ? [withoutTracking(() => op.decompose(tensor.inputs, tensor.attrs as never))].flat() : tensors;
    const outputs: Output[] = tensors.map((_, index) => ({ tensor: sources[index]!, destination: { to: 'storage', index } }));
    if (this.checkFinite) tensors.forEach((_, index) => outputs.push({ tensor: sources[index]!, destination: { to: 'view', index } }));
    const { results } = this.programs.run({ ...NOTHING, outputs });
    if (this.checkFinite) tensors.forEach((output, index) => requireFinite(op.name, output, results.arrays[index]!));
    tensors.forEach((output, index) => (output.storage$ = results.storages[index]!));
  };

  /** Gradients as they are composed, then all effects, each of which sees what the others overwrite as it was before. */
  execute(request: Request, nodes: readonly Tensor[], run: ProgramRun): void {
    if (request.updater !== undefined && this.callSites !== undefined) this.compare(request, request.updater, nodes, this.callSites);
    this.addGradients(request);
    run.results = this.programs.run({ ...NOTHING, outputs: request.outputs }).results;
    if (request.updater !== undefined) this.update(request);
    this.storeBuffers(request);
    run.completed = run.begun = 1;
  }

  /** Warns of a step that is unlike all before it: planned mode would make a plan for it. */
  private compare(request: Request, updater: Updater, nodes: readonly Tensor[], callSites: CallSites): void {
    const known = this.structures.get(updater) ?? [];
    this.structures.set(updater, known);
    if (known.some((signature) => signature.matches(request, nodes))) return;
    const before = known.at(-1);
    known.push(new GraphSignature(request, nodes));
    if (before === undefined) return;
    const difference = before.difference(request, nodes, (node) => callSites.of(node));
    warn('ANNEAL_NEW_PLAN', `[step] this step needs a plan of its own. The first call that differs from the steps before: ${difference}.`);
  }

  private addGradients(request: Request): void {
    const { losses, rules, accumulations } = request;
    const looks = withoutTracking(() => lookAtLosses(request));
    if (looks.length > 0) this.programs.run({ ...NOTHING, effects: looks });
    const computed = gradients(
      losses,
      accumulations.map(({ parameter }) => parameter),
      rules,
    );
    accumulations.forEach(({ accumulator, earlier }, i) => {
      const gradient = computed[i];
      if (earlier !== accumulator) {
        const whole = withoutTracking(() => sumOf(earlier, gradient));
        if (whole !== undefined) this.programs.run({ ...NOTHING, outputs: [{ tensor: whole, destination: { to: 'leaf', leaf: accumulator } }] });
      } else if (gradient !== undefined) this.programs.run({ ...NOTHING, effects: [withoutTracking(() => accumulate(accumulator, gradient))] });
    });
  }

  private update(request: Request): void {
    const reached = request.updates.filter((update) => update.hasGradient).map(({ parameter }) => parameter);
    const computed = new Map(gradients(request.losses, reached, request.rules).map((gradient, i) => [reached[i], gradient]));
    const effects = withoutTracking(() => updatesOf(request, wholeGradients(request, computed)));
    this.programs.run({ ...NOTHING, effects });
  }

  /** Stores what buffers are assigned. */
  private storeBuffers(request: Request): void {
    const effects = withoutTracking(() => commitsOf(request));
    if (effects.length > 0) this.programs.run({ ...NOTHING, effects });
  }
}

function requireFinite(op: string, tensor: Tensor, elements: ArrayLike<number>): void {
  const at = Array.prototype.findIndex.call(elements, (value: number) => !Number.isFinite(value));
  if (at < 0) return;
  const shapes = [tensor.shape, ...tensor.inputs.map((input) => input.shape)];
  throw new AnnealError(
    'ANNEAL_NON_FINITE',
    `[${op}] gave ${elements[at]!} at element ${at} of ${showShape(tensor.shape)}, the first result that is not finite. Look at its operands: lower the rate, or keep log, div, sqrt and exp off their edges.`,
    { op, shapes },
  );
}
