import { availableParallelism, cpus } from 'node:os';
import { AnnealError, info, matmul, ones, sum } from 'anneal';
import { libc } from '../libc.js';
import { version } from './package.js';

/** Facts about the running software. */
export interface Facts {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  /** The C library and its version; undefined where there is no choice. */
  readonly libc: string | undefined;
  /** The native addon, or why there is none. */
  readonly binary: Binary | { readonly missing: string };
}

export interface Binary {
  readonly file: string;
  readonly compiler: string;
  readonly cpu: string;
  /** The kernels in use, and all that this CPU could use. */
  readonly target: string;
  readonly targets: readonly string[];
  readonly threads: number;
  /** Source of the number of threads. */
  readonly threadsFrom: string;
  /** 1e9 floating-point operations a second, in a product of matrices. */
  readonly gflops: number;
  /** 1e9 bytes a second, read from memory. */
  readonly gbytes: number;
}

/** Finds out what runs here, and measures it, in about a second. */
export async function factsHere(): Promise<Facts> {
  const common = { version, node: process.version, platform: `${process.platform}-${process.arch}`, libc: libc() };
  try {
    const { binary: file, compiler, cpu, target, targets, threads } = info();
    const speed = { gflops: await gflops(), gbytes: await gbytes() };
    return { ...common, binary: { file, compiler, cpu, target, targets, threads, threadsFrom: threadsFrom(threads), ...speed } };
  } catch (error) {
    if (error instanceof AnnealError) return { ...common, binary: { missing: error.message } };
    throw error;
  }
}

function threadsFrom(threads: number): string {
  const asked = process.env['ANNEAL_THREADS'];
  if (asked !== undefined && asked !== '') return `ANNEAL_THREADS=${asked}`;
  const [allowed, all] = [availableParallelism(), cpus().length];
  if (threads < allowed) return `the CPU time that the container's cgroup leaves, of ${allowed} CPUs`;
  return threads < all ? `the CPUs that this process may use, of ${all}` : 'all CPUs';
}

/** The shortest of some runs, in ns. */
async function shortest(run: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 6; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best * 1e6;
}

async function gflops(): Promise<number> {
  const n = 1024;
  const [a, b] = [await kept([n, n]), await kept([n, n])];
  return (2 * n ** 3) / (await shortest(() => sum(matmul(a, b)).item()));
}

/** Of an array that is larger than most caches. */
async function gbytes(): Promise<number> {
  const size = 1 << 26;
  const x = await kept([size]);
  return (4 * size) / (await shortest(() => sum(x).item()));
}

/** Ones, which are there before they are used. */
async function kept(shape: readonly number[]) {
  const made = ones(shape).keep();
  await sum(made).item();
  return made;
}
