import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** By this measure two threads of one core are 40 ns from each other, cores that share a cache 60 to 85, others more than 200. */
const ONE_CORE_NS = 50;
const APART_NS = 130;

/** Remark, in a word, on unusual places of the two CPUs at some of these moments; empty where there were none. */
export function placement(ns: readonly number[]): '' | 'on one core' | 'caches apart' {
  return ns.some((each) => each > APART_NS) ? 'caches apart' : ns.some((each) => each < ONE_CORE_NS) ? 'on one core' : '';
}

const TRIPS = 500;
const BATCHES = 8;
/** Place at which the worker is asked to answer: another pair of lines than the one that travels, which is the first. */
const ASKED = 64;

/**
 * Time that a cache line takes from one CPU to another. The host of a virtual machine moves its CPUs between threads of one core, cores
 * that share a cache and such as do not, within seconds, and figures on two threads differ by a factor of two to four between them.
 */
export class Distance {
  readonly #line = new Int32Array(new SharedArrayBuffer(4 * (ASKED + 32)));
  readonly #worker = new Worker(new URL('distance-worker.mjs', import.meta.url), { workerData: { line: this.#line, trips: TRIPS, asked: ASKED } });

  static async start(): Promise<Distance> {
    const distance = new Distance();
    await once(distance.#worker, 'message');
    distance.ns(); // warms up both sides
    return distance;
  }

  /** In ns, the fastest of a few batches: in the others the threads may have shared a CPU. NaN where there is but one. */
  ns(): number {
    if (availableParallelism() < 2) return Number.NaN;
    let fastest = Number.POSITIVE_INFINITY;
    for (let batch = 0; batch < BATCHES; batch++) {
      Atomics.store(this.#line, 0, 0);
      Atomics.add(this.#line, ASKED, 1);
      Atomics.notify(this.#line, ASKED);
      let start = 0;
      for (let i = 0; i < TRIPS; i++) {
        Atomics.store(this.#line, 0, 2 * i + 1);
        while (Atomics.load(this.#line, 0) !== 2 * i + 2);
        if (i === 0) start = performance.now(); // the worker had to wake up for the first
      }
      fastest = Math.min(fastest, (1e6 * (performance.now() - start)) / (TRIPS - 1) / 2);
    }
    return fastest;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
