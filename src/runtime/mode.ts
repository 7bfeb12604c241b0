import type { Tensor } from '../tensor.js';
import { Programs } from './programs.js';
import type { Request } from './request.js';
import type { ProgramRun } from './run.js';

/** A way to run what is recorded: planned, or op by op as in eager.ts. */
export interface Mode {
  /** Runs what computes values only, in every mode alike. */
  readonly programs: Programs;
  /** Runs a node as it is recorded; undefined: nothing runs before somebody needs it. */
  readonly hook?: ((tensor: Tensor) => void) | undefined;
  /** Runs losses, gradients, updates and assignments of a request whose nodes are ready. */
  execute(request: Request, nodes: readonly Tensor[], run: ProgramRun): void;
}

/** Runs each request as one program: see "The way of one step" in docs/architecture.md. */
export function plannedMode(target?: string, programs: Programs = new Programs({ target })): Mode {
  return { programs, execute: (request, nodes, run) => programs.submit(request, nodes, run) };
}
