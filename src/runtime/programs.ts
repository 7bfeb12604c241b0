import type { DType } from '../dtype.js';
import { dtypes } from '../dtype.js';
import type { ModelGenerator } from '../generator.js';
import type { Storage, Updater } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { bumpPlacement } from '../graph/version.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { loadNative } from './binding.js';
import { nodesOf } from './graph-signature.js';
import { PlanCache } from './plan-cache.js';
import { Plan } from './plan.js';
import { NOTHING, type Request } from './request.js';
import { ProgramRun } from './run.js';
import { Session } from './session.js';
import { checkFresh } from './staleness.js';

const sessions = new Map<string | undefined, Session>();

/** The session of a target: one for all engines on it, so that what one has made the next one can use. */
function sessionFor(target: string | undefined): Session {
  let session = sessions.get(target);
  if (session === undefined) sessions.set(target, (session = new Session(target)));
  return session;
}

export interface ProgramsOptions {
  /** Name of an instruction set, or of the references; the machine's best one by default. */
  readonly target?: string | undefined;
  /** Runs everything on the calling thread, however long it takes. */
  readonly atOnce?: boolean;
  /** Default true. */
  readonly fuse?: boolean;
  /** Compiles records with instructions of their own whole, default true. */
  readonly whole?: boolean;
}

/** Runs requests as programs: planned once, then replayed. */
export class Programs {
  readonly session: Session;
  private readonly native = loadNative();
  /** Plans of requests without a model, most recently used last. */
  private readonly plans = new PlanCache();
  /** Plans of a step live as long as their optimizer, others as long as their model: none pushes out another's. */
  private readonly ownPlans = new WeakMap<Updater | ModelGenerator, PlanCache>();

  constructor(private readonly options: ProgramsOptions) {
    this.session = sessionFor(options.target);
  }

  run(request: Request): ProgramRun {
    const run = new ProgramRun();
    this.submit(request, this.ready(request), run);
    return run;
  }

  /** Runs a request whose nodes are ready. */
  submit(request: Request, nodes: readonly Tensor[], run: ProgramRun): void {
    run.start(this.plan(request, nodes), nodes, this.session, this.options.atOnce ?? false);
  }

  /** The nodes of a request, all of whose parameters have values; throws for one whose values are gone. */
  ready(request: Request): Tensor[] {
    const followed = request.updater && this.ownPlans.get(request.updater)?.follow(request);
    if (followed !== undefined) return followed;
    const nodes = nodesOf(request);
    let complete = true;
    for (const node of nodes) {
      if (node.inputs.length > 0 || node.stale) checkFresh(node);
      else if (node.storage$ === undefined && node instanceof Parameter && node.initializer$ !== undefined) {
        this.initialise(node, node.initializer$);
        complete = false;
      }
    }
    // Initialising has walked through the graph itself.
    return complete ? nodes : nodesOf(request);
  }

  /** Gives a leaf the elements of `source`. */
  store(target: Tensor, source: Tensor): Promise<void> | undefined {
    if (target instanceof Parameter) target.initializer$ = undefined;
    if (target.storage$ === undefined) {
      target.storage$ = this.allocate(target.shape, target.dtype);
      bumpPlacement();
    }
    return this.run({ ...NOTHING, outputs: [{ tensor: source, destination: { to: 'leaf', leaf: target } }] }).done;
  }

  allocate(shape: Shape, dtype: DType): Storage {
    return this.session.allocate(sizeOf(shape) * dtypes[dtype].bytes);
  }

  protected plan(request: Request, nodes: readonly Tensor[]): Plan {
    return this.plansFor(request, nodes).planFor(request, nodes, () => this.makePlan(request, nodes));
  }

  protected makePlan(request: Request, nodes: readonly Tensor[]): Plan {
    const { fuse = true, whole = true } = this.options;
    return new Plan(request, nodes, this.session, this.native, { fuse, whole });
  }

  private initialise(parameter: Parameter, initializer: (parameter: Parameter) => Tensor): void {
    void this.store(
      parameter,
      withoutTracking(() => initializer(parameter)),
    );
  }

  private plansFor({ updater }: Request, nodes: readonly Tensor[]): PlanCache {
    const owner = updater ?? modelOf(nodes);
    if (owner === undefined) return this.plans;
    let plans = this.ownPlans.get(owner);
    if (plans === undefined) this.ownPlans.set(owner, (plans = new PlanCache()));
    return plans;
  }
}

/** The random streams that stand for the model which a request is about. */
function modelOf(nodes: readonly Tensor[]): ModelGenerator | undefined {
  for (const node of nodes) if (node instanceof Parameter && node.generator$ !== undefined) return node.generator$;
  return undefined;
}
