import { composing, setEager } from '../graph/recorder.js';
import { hiddenOutput } from '../ops/leaf.js';
import { Tensor } from '../tensor.js';
import { PlannedEngine } from './engine.js';
import { Plan } from './plan.js';
import { NOTHING, type Request } from './request.js';

/**
 * Runs every op at once, on its own, through its reference: the oracle of the tests and the user's microscope. A shape is
 * wrong, or a value not finite, right after the call that made it so.
 */
export class EagerEngine extends PlannedEngine {
  protected override readonly atOnce = true;

  constructor(target = 'reference') {
    super(target);
    setEager(this.hook);
  }

  /** What runs a node as it is recorded. */
  readonly hook = (tensor: Tensor): void => this.runNow(tensor);

  /** Values of this very step may be part of the program, so it serves once. */
  protected override plan(request: Request, nodes: readonly Tensor[]): Plan {
    return this.makePlan(request, nodes);
  }

  protected override makePlan(request: Request, nodes: readonly Tensor[]): Plan {
    return new Plan(request, nodes, this.session, this.native, { fuse: false });
  }

  private runNow(tensor: Tensor): void {
    const { op } = tensor;
    if (op.kind === 'effect') return;
    if (op.kind === 'composite') {
      const whole = composing(() => op.decompose(tensor.inputs, tensor.attrs as never));
      this.compute(tensor, whole);
    } else this.compute(tensor, op.kind === 'hidden' ? anew(tensor) : tensor);
  }

  /** Computes `source` into native memory that `tensor` then holds. */
  private compute(tensor: Tensor, source: Tensor): void {
    const request = { ...NOTHING, outputs: [{ tensor: source, destination: { to: 'storage', index: 0 } as const }] };
    const { results } = this.submit(request, this.ready(request));
    tensor.storage$ = results.storages[0]!;
  }
}

/** A hidden result of a node that has run: the node is run again for it. */
function anew(hidden: Tensor): Tensor {
  const node = hidden.inputs[0]!;
  const meta = { shape: node.shape, dtype: node.dtype, hidden: node.hidden };
  const again = new Tensor(node.op, node.inputs, node.attrs, meta, false, node.recordedAt);
  return new Tensor(hiddenOutput, [again], hidden.attrs, hidden, false, hidden.recordedAt);
}
