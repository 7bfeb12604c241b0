import { AnnealError, type ErrorCode } from '../errors.js';
import { EventLoopTurns } from '../event-loop.js';
import type { Storage } from '../graph/engine.js';
import type { Results } from './plan.js';
import { outOfMemory } from './memory.js';
import { Watchdog } from './watchdog.js';
import { loadNative, type NativeFailure, type NativeSession } from './binding.js';

/** A native run's rejection: one of the stable codes, and where it failed. */
export interface RunError extends Error {
  readonly code?: string;
  readonly failure?: NativeFailure;
}

/** One native run: its needs, and its results. */
export interface Submission {
  readonly program: LoadedProgram;
  readonly storages: Int32Array;
  readonly externals: readonly ArrayBufferView[];
  readonly slots: Uint8Array;
  /** Its estimate. */
  readonly ns: number;
  /** Number of iterations. */
  readonly count: number;
  /** It runs where it is submitted, and is over when the call returns; see Session.runsHere(). Otherwise its arrays are its own. */
  readonly here: boolean;
  readonly results: Results;
}

/** The part of the engine that asked for a run. */
interface Requester {
  /** Turns a native error into the one that the user gets; `before` is the failure that made the session refuse this run. */
  explain(error: RunError, before: Error | undefined): Error;
}

/** Words that are loaded into the native side while they are in use. */
export class LoadedProgram {
  id: number | undefined = undefined;
  constructor(
    readonly words: Uint32Array,
    readonly hash: number,
  ) {}
}

/** Programs under this estimate run where they are called: a hop to another thread and back costs 15 to 100 us. */
export const INLINE_NS = 1_000_000;
const MAX_IN_FLIGHT = 2;
const MAX_PROGRAMS = 256;

class NativeStorage implements Storage {
  constructor(
    readonly session: Session,
    readonly id: number,
    readonly bytes: number,
    readonly strides: readonly number[] | undefined,
  ) {}
}

/**
 * One queue of native runs, and the native memory that outlives them. A run that fails takes along those behind it that need what it
 * was to write, and no others.
 */
export class Session {
  readonly native: NativeSession;
  private readonly programs = new Map<number, LoadedProgram[]>();
  private loaded: LoadedProgram[] = [];
  private inFlight = 0;
  private readonly waiting: (() => void)[] = [];
  private last: Promise<void> | undefined;
  private readonly watchdog = new Watchdog();
  private readonly turns = new EventLoopTurns();
  /** The number of the last failure that was reported: a run that is asked for now may use what it has left as it was. */
  private knownFailure = 0;
  /** Failures by their numbers for which a run that is under way may be refused. */
  private readonly failures = new Map<number, Error>();
  private readonly collected = new FinalizationRegistry<number>((id) => this.free(id));
  /** Storages to free once the waiting runs, of which the native side does not know yet, have been handed over. */
  private readonly unfreed: number[] = [];

  constructor(target?: string) {
    const { addon } = loadNative();
    try {
      this.native = new addon.Session(target === undefined ? {} : { target });
    } catch (cause) {
      const { code, message } = cause as RunError;
      throw new AnnealError((code ?? 'ANNEAL_INTERNAL') as ErrorCode, message, { cause });
    }
  }

  /** Zero-filled native memory, freed when the object is collected or released. */
  allocate(bytes: number): Storage {
    return this.storage(bytes, undefined, false);
  }

  /** The same for a result that outlives its run. */
  allocateResult(bytes: number, strides: readonly number[] | undefined): Storage {
    return this.storage(bytes, strides, true);
  }

  private storage(bytes: number, strides: readonly number[] | undefined, saved: boolean): Storage {
    let id: number;
    try {
      // More than numbers hold is as little to be had as the most that they do.
      id = this.native.allocate(Math.min(Math.max(bytes, 1), Number.MAX_SAFE_INTEGER), saved);
    } catch (cause) {
      if ((cause as RunError).code !== 'ANNEAL_OUT_OF_MEMORY') throw cause;
      throw outOfMemory('step', saved ? 'a result' : 'a parameter, its gradient or a state of its optimizer', cause as RunError);
    }
    const storage = new NativeStorage(this, id, bytes, strides);
    this.collected.register(storage, id, storage);
    return storage;
  }

  /** Returns whether it is this session's memory; another session's of the same number is not. */
  owns(storage: Storage): boolean {
    return storage instanceof NativeStorage && storage.session === this;
  }

  /** Frees a storage now, of whichever session, once the runs submitted so far are done with it. */
  static release(storage: Storage): void {
    const { session } = storage as NativeStorage;
    session.collected.unregister(storage);
    session.free(storage.id);
  }

  private free(id: number): void {
    if (this.waiting.length > 0) this.unfreed.push(id);
    else this.native.free(id);
  }

  /** The program with exactly these words: a known one where there is one. */
  program(words: Uint32Array): LoadedProgram {
    const hash = hashOf(words);
    const bucket = this.programs.get(hash) ?? [];
    const known = bucket.find((program) => sameWords(program.words, words));
    if (known !== undefined) return known;
    const program = new LoadedProgram(words, hash);
    bucket.push(program);
    this.programs.set(hash, bucket);
    return program;
  }

  /** Returns whether a run of `ns` estimated nanoseconds runs where it is submitted: it is cheap, or has to, and nothing is queued. Decided once a run, when its arrays are made. */
  runsHere(ns: number, atOnce: boolean): boolean {
    return this.inFlight === 0 && this.waiting.length === 0 && (atOnce || ns < INLINE_NS);
  }

  /** Runs now (undefined), or later and elsewhere (a promise). */
  submit(call: Submission, requester: Requester): Promise<void> | undefined {
    const { knownFailure } = this;
    if (call.here) {
      try {
        void this.start(call, knownFailure);
        return undefined;
      } catch (error) {
        throw this.failed(requester, error as RunError);
      }
    }
    if (this.inFlight < MAX_IN_FLIGHT && this.waiting.length === 0) return this.follow(call, knownFailure, requester);
    return this.note(
      new Promise<void>((resolve, reject) => {
        this.waiting.push(() => void this.follow(call, knownFailure, requester).then(resolve, reject));
      }),
    );
  }

  /** A promise for the end of an inline run that gives the event loop its turn from time to time. */
  yieldToEventLoop(): Promise<void> | undefined {
    return this.turns.yieldToEventLoop();
  }

  /** Resolves when all that was submitted is done. */
  async synchronize(): Promise<void> {
    while (this.last !== undefined) {
      const last = this.last;
      await last;
      if (this.last === last) this.last = undefined;
    }
  }

  private start(call: Submission, knownFailure: number): Promise<void> | undefined {
    const { program } = call;
    if (program.id === undefined) this.load(program);
    return this.native.run(program.id!, call.storages, call.slots, call.count, call.here, knownFailure, ...call.externals);
  }

  private startLater(call: Submission, knownFailure: number): Promise<void> {
    try {
      return this.start(call, knownFailure) ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  private follow(call: Submission, knownFailure: number, requester: Requester): Promise<void> {
    const pending = this.startLater(call, knownFailure);
    this.inFlight++;
    this.watchdog.started(call.ns);
    const settled = (): void => {
      this.inFlight--;
      this.watchdog.ended();
      this.turns.had();
      this.waiting.shift()?.();
      if (this.waiting.length === 0) for (const id of this.unfreed.splice(0)) this.native.free(id);
      if (this.inFlight === 0) this.failures.clear();
    };
    return this.note(
      pending.then(settled, (error: RunError) => {
        const explained = this.failed(requester, error);
        settled();
        throw explained;
      }),
    );
  }

  /** The error that the user gets. The cause of a refusal is the failure that it goes back to. */
  private failed(requester: Requester, error: RunError): Error {
    const { number = 0, cause = 0 } = error.failure ?? {};
    const before = this.failures.get(cause);
    const explained = requester.explain(error, before);
    this.failures.set(number, before ?? explained);
    this.knownFailure = Math.max(this.knownFailure, number);
    return explained;
  }

  /** Remembers the last run, and keeps a rejection that nobody awaits from ending the process before a barrier reports it. */
  private note(pending: Promise<void>): Promise<void> {
    const before = this.last;
    pending.catch(() => undefined);
    const last = before === undefined ? pending : before.then(() => pending);
    last.catch(() => undefined);
    this.last = last;
    pending.then(
      () => {
        if (this.last === last) this.last = undefined;
      },
      () => undefined,
    );
    return pending;
  }

  private load(program: LoadedProgram): void {
    program.id = this.native.load(program.words);
    this.loaded.push(program);
    if (this.loaded.length <= MAX_PROGRAMS) return;
    const oldest = this.loaded.shift()!;
    this.native.unload(oldest.id!);
    oldest.id = undefined;
    const bucket = this.programs.get(oldest.hash)?.filter((other) => other !== oldest) ?? [];
    if (bucket.length === 0) this.programs.delete(oldest.hash);
    else this.programs.set(oldest.hash, bucket);
  }
}

function hashOf(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
