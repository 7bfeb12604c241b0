import type { RandomKeys, Steps, Updater } from '../graph/engine.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';
import { explain } from './explain.js';
import { mayRepeat } from './outputs.js';
import { NO_RESULTS, type Numbers, type Plan, type Results } from './plan.js';
import type { Request, Update } from './request.js';
import type { RunError, Session } from './session.js';

/** A run of a plan, once or several times: what it leaves behind, and when (undefined: it is done). */
export class ProgramRun implements Numbers {
  results: Results = NO_RESULTS;
  done: Promise<void> | undefined = undefined;
  /** Iterations: all, those that begin, and those that come to their end; told apart by a failure. */
  count = 1;
  begun = 0;
  completed = 0;
  protected readonly maxSteps: number = 1;
  /** Its results are read when others may have run, too. */
  protected readonly isReadLater: boolean = true;
  protected plan: Plan | undefined = undefined;
  private nodes!: readonly Tensor[];

  /** Runs, or queues, as many iterations as there may and can be. */
  start(plan: Plan, nodes: readonly Tensor[], session: Session, atOnce: boolean): void {
    this.plan = plan;
    this.nodes = nodes;
    const submission = plan.submission(nodes, session, atOnce, this.maxSteps, this);
    this.begun = this.completed = this.count = submission.count;
    try {
      this.done = session.submit(submission, this);
    } finally {
      // Iterations before one that fails have given theirs.
      this.results = this.isReadLater ? plan.lasting(submission.results) : submission.results;
    }
  }

  /** Goes on to the numbers of another iteration; false where there can be none. */
  next(): boolean {
    return false;
  }

  /** The error of a failure, and what it leaves of the iterations. */
  explain(error: RunError, before: Error | undefined): Error {
    this.completed = error.failure?.iteration ?? 0;
    this.begun = error.code === 'ANNEAL_SESSION_FAILED' ? 0 : this.completed + 1;
    return explain(this.plan!, this.nodes, error, before);
  }
}

/** A run with results that somebody waits for. */
export class WatchedRun extends ProgramRun implements Steps {
  protected override readonly isReadLater: boolean;

  constructor(
    readonly request: Request,
    private readonly watched: readonly Tensor[],
  ) {
    super();
    this.isReadLater = watched.length > 0;
  }

  get temporaryBytes(): number {
    return this.plan?.temporaryBytes ?? 0;
  }

  values(i: number): ArrayLike<number> | undefined {
    const destination = this.request.outputs.find(({ tensor }) => tensor === this.watched[i])?.destination;
    if (destination === undefined || destination.to === 'storage' || destination.to === 'leaf') return undefined;
    const { scalars, arrays } = this.results;
    if (destination.to === 'view') return arrays[destination.index];
    const each = scalars.length / this.count;
    return each === 1 ? scalars : Array.from({ length: this.count }, (_, step) => scalars[step * each + destination.index]!);
  }
}

/** A step, or several, of an optimizer. */
export class StepRun extends WatchedRun {
  protected override readonly maxSteps: number;
  private readonly updated: readonly Parameter[];

  constructor(
    private readonly updater: Updater,
    request: Request,
    watched: readonly Tensor[],
    private readonly randomKeys: RandomKeys | undefined,
    maxSteps: number,
  ) {
    super(request, watched);
    this.maxSteps = maxSteps > 1 && mayRepeat(request, watched) ? maxSteps : 1;
    this.updated = request.updates.length === updater.parameters.length ? updater.parameters : request.updates.map(parameterOf);
  }

  /** Throws for a step that cannot be. */
  begin(): void {
    this.updater.advance(this.updated);
  }

  override next(): boolean {
    try {
      this.updater.advance(this.updated);
    } catch {
      // The next run meets this error when it begins.
      return false;
    }
    this.randomKeys?.advance();
    return true;
  }

  /** Takes back what did not happen. */
  rollback(): void {
    for (let i = this.completed; i < this.count; i++) this.updater.rollback(this.updated);
    this.randomKeys?.rollback(this.count - this.begun);
  }
}

function parameterOf({ parameter }: Update): Parameter {
  return parameter;
}
