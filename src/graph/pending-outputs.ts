import type { Tensor } from '../tensor.js';
import { suspend, resume } from './suspended-outputs.js';

/** Number of outputs that are held on to even where the user does not. */
const MOST = 1024;

/** Nothing more is to come of this scalar or kept tensor: it has its value, or never can have one. */
export function isResolved(tensor: Tensor): boolean {
  return tensor.stale || tensor.value$ !== undefined || (tensor.kept$ && tensor.inputs.length === 0);
}

/**
 * Scalars that the user recorded, and tensors to keep, that have not run, oldest first: each is an output of the step that it belongs to.
 * Who records without ever running a step would pile them up, so the older ones of many rest: what the user can still read is never forgotten.
 */
class PendingOutputs {
  private readonly recent: Tensor[] = [];

  add(tensor: Tensor): void {
    if (tensor.isPendingOutput$) return;
    this.put(tensor);
    if (this.recent.length > MOST) this.loosen();
  }

  values(): readonly Tensor[] {
    return this.recent;
  }

  /** Takes those out that do not depend on any leaf which changes now, until one behind them does. */
  suspend(tensors: readonly Tensor[]): void {
    if (tensors.length === 0) return;
    const idle = new Set(tensors);
    this.drop((tensor) => idle.has(tensor));
    suspend(tensors);
  }

  /** Puts back what may depend on leaves that are about to change, however many they are. */
  resume(changing: readonly Tensor[]): void {
    for (const tensor of resume(changing)) if (!tensor.isPendingOutput$) this.put(tensor);
  }

  /** Drops those that are done. */
  drop(done: (tensor: Tensor) => boolean): void {
    const { recent } = this;
    let kept = 0;
    for (const tensor of recent) {
      if (done(tensor)) tensor.isPendingOutput$ = false;
      else recent[kept++] = tensor;
    }
    recent.length = kept;
  }

  private put(tensor: Tensor): void {
    tensor.isPendingOutput$ = true;
    this.recent.push(tensor);
  }

  private loosen(): void {
    this.drop(isResolved);
    if (this.recent.length > MOST / 2) this.suspend(this.recent.slice(0, MOST / 2));
  }
}

const outputs = new PendingOutputs();

/** Makes `tensor` an output of the step that it belongs to. */
export function markOutput(tensor: Tensor): void {
  outputs.add(tensor);
}

/** The user's scalars and kept tensors that have not run yet, oldest first, without those that rest. */
export function pendingOutputs(): readonly Tensor[] {
  return outputs.values();
}

/** Puts those back among the pending ones that may depend on leaves which are about to change. */
export function resumeOutputs(changing: readonly Tensor[]): void {
  outputs.resume(changing);
}

/** Suspends pending outputs, which do not depend on what changes now. */
export function suspendOutputs(tensors: readonly Tensor[]): void {
  outputs.suspend(tensors);
}

/** Drops those that have run, or never can. */
export function dropResolved(done: (tensor: Tensor) => boolean): void {
  outputs.drop(done);
}
