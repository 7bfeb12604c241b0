import { gradients } from '../graph/autodiff.js';
import { composing, setEager } from '../graph/recorder.js';
import { add } from '../ops/index.js';
import { hiddenOutput } from '../ops/leaf.js';
import { Tensor } from '../tensor.js';
import { accumulate } from './accumulate.js';
import { PlannedEngine, type Run } from './engine.js';
import { NOTHING, type Request } from './request.js';

/**
 * Runs every op at once, on its own, through its reference: the oracle of the tests and the user's microscope. A shape is
 * wrong, or a value not finite, right after the call that made it so.
 */
export class EagerEngine extends PlannedEngine {
  protected override readonly atOnce = true;
  protected override readonly fuse = false;

  /** `target` other than the reference: the same kernels as planned mode, so the same bits. */
  constructor(target = 'reference') {
    super(target);
    setEager(this.hook);
  }

  /** What runs a node as it is recorded. */
  readonly hook = (tensor: Tensor): void => {
    const { op } = tensor;
    if (op.kind === 'effect') return;
    const source = op.kind === 'composite' ? composing(() => op.decompose(tensor.inputs, tensor.attrs as never)) : op.kind === 'hidden' ? anew(tensor) : tensor;
    const { results } = this.run({ ...NOTHING, outputs: [{ tensor: source, destination: { to: 'storage', index: 0 } }] });
    tensor.storage$ = results.storages[0]!;
  };

  /** Gradients as they are composed, then one effect after the other. */
  protected override execute(request: Request): Run {
    this.collect(request);
    const run = this.run({ ...NOTHING, outputs: request.outputs });
    const reached = request.updates.filter((update) => update.reached).map(({ parameter }) => parameter);
    const computed = new Map(gradients(request.losses, reached).map((gradient, i) => [reached[i]!, gradient]));
    for (const { parameter, accumulator } of request.updates) {
      const gradient = computed.get(parameter);
      const whole = gradient === undefined ? accumulator! : accumulator === undefined ? gradient : composing(() => add(accumulator, gradient));
      this.perform(composing(() => request.updater!.update(parameter, whole)));
    }
    return run;
  }

  protected override collect({ losses, accumulations }: Request): void {
    const computed = gradients(
      losses,
      accumulations.map(({ parameter }) => parameter),
    );
    accumulations.forEach(({ accumulator, holds }, i) => {
      const gradient = computed[i];
      if (gradient === undefined) return;
      if (holds) this.perform(composing(() => accumulate(accumulator, gradient)));
      else this.run({ ...NOTHING, outputs: [{ tensor: gradient, destination: { to: 'leaf', leaf: accumulator } }] });
    });
  }

  private perform(effect: Tensor): void {
    this.run({ ...NOTHING, effects: [effect] });
  }
}

/** A hidden result of a node that has run: the node is run again for it. */
function anew(hidden: Tensor): Tensor {
  const node = hidden.inputs[0]!;
  const meta = { shape: node.shape, dtype: node.dtype, hidden: node.hidden };
  const again = new Tensor(node.op, node.inputs, node.attrs, meta, false, node.recordedAt);
  return new Tensor(hiddenOutput, [again], hidden.attrs, hidden, false, hidden.recordedAt);
}
