import type { Tensor } from '../tensor.js';
import { rest, wake } from './resting.js';

/** As many as are held on to even where the user does not. */
const MOST = 1024;

/** Nothing more is to come of this scalar or kept tensor: it has its value, or never can have one. */
export function isSettled(tensor: Tensor): boolean {
  return tensor.stale || tensor.value$ !== undefined || (tensor.kept$ && tensor.inputs.length === 0);
}

/**
 * Scalars that the user recorded, and tensors to keep, that have not run, oldest first: each is an output of the step that it belongs to.
 * Who records without ever running a step would pile them up, so the older ones of many are held weakly: what the user can still read is
 * never forgotten.
 */
export class Awaited {
  private readonly recent: Tensor[] = [];
  private older: WeakRef<Tensor>[] = [];
  /** How many older ones there may be before those that are gone are looked for. */
  private limit = MOST;

  add(tensor: Tensor): void {
    if (tensor.awaited$) return;
    tensor.awaited$ = true;
    this.recent.push(tensor);
    if (this.recent.length > MOST) this.loosen();
  }

  values(): readonly Tensor[] {
    if (this.older.length === 0) return this.recent;
    const older = this.older.flatMap((held) => held.deref() ?? []);
    return [...older.filter((tensor) => !tensor.awaited$), ...this.recent];
  }

  /** Takes those out that do not depend on any leaf which changes now, until one behind them does. */
  rest(tensors: readonly Tensor[]): void {
    if (tensors.length === 0) return;
    const idle = new Set(tensors);
    this.drop((tensor) => idle.has(tensor));
    rest(tensors);
  }

  /** Puts back what may depend on leaves that are about to change. */
  wake(changing: readonly Tensor[]): void {
    for (const tensor of wake(changing)) this.add(tensor);
  }

  /** Drops those that are done. */
  drop(done: (tensor: Tensor) => boolean): void {
    const { recent } = this;
    let kept = 0;
    for (const tensor of recent) {
      if (done(tensor)) tensor.awaited$ = false;
      else recent[kept++] = tensor;
    }
    recent.length = kept;
    if (this.older.length > 0) this.clean((tensor) => !done(tensor));
  }

  private loosen(): void {
    this.drop(isSettled);
    if (this.recent.length <= MOST / 2) return;
    for (const tensor of this.recent.splice(0, MOST / 2)) {
      tensor.awaited$ = false;
      this.older.push(new WeakRef(tensor));
    }
    if (this.older.length > this.limit) this.clean(() => true);
  }

  private clean(keeps: (tensor: Tensor) => boolean): void {
    this.older = this.older.filter((held) => {
      const tensor = held.deref();
      return tensor !== undefined && keeps(tensor);
    });
    this.limit = Math.max(MOST, 2 * this.older.length);
  }
}
