import { existsSync, readFileSync } from 'node:fs';
import { Peer } from '../peer.js';

/** One way to run PyTorch: how the script steps, and which BLAS it finds under which name of the CPU. */
export interface TorchConfiguration {
  readonly mode: string;
  readonly blas: string;
}

const libraries = '/usr/lib/x86_64-linux-gnu';
const script = new URL('torch_steps.py', import.meta.url).pathname;

/** Debian's PyTorch; ANNEAL_BENCH_PYTHON names an interpreter that has another one. */
export const torchPython = process.env['ANNEAL_BENCH_PYTHON'] ?? '/usr/bin/python3';
const brought = process.env['ANNEAL_BENCH_PYTHON'] !== undefined;

/** BLAS libraries as they are installed. CPUs younger than the library are told to it as the older one that they contain. */
const allBlas: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  openblas: { LD_LIBRARY_PATH: `${libraries}/openblas-openmp` },
  'openblas as SkylakeX': { LD_LIBRARY_PATH: `${libraries}/openblas-openmp`, OPENBLAS_CORETYPE: 'SkylakeX' },
  // Numbers of bli_type_defs.h: words would all be read as 0, which is Skylake-X and ends where there is no AVX-512.
  blis: { LD_LIBRARY_PATH: `${libraries}/blis-openmp`, BLIS_ARCH_TYPE: '6' },
  'blis as SkylakeX': { LD_LIBRARY_PATH: `${libraries}/blis-openmp`, BLIS_ARCH_TYPE: '0' },
};

/**
 * The BLAS configurations that can be fastest here; of an own PyTorch, only the BLAS that it brings. Left out: the pthread build
 * of OpenBLAS, Debian's default, whose pool fights with PyTorch's for the CPUs; and the OpenMP one as it detects this CPU
 * where the CPU has AVX-512, of which it then makes no use.
 */
export function torchBlas(): string[] {
  if (brought) return ['default'];
  const wide = / avx512f /.test(readFileSync('/proc/cpuinfo', 'utf8'));
  const names = (wide ? ['openblas as SkylakeX', 'blis as SkylakeX'] : ['openblas', 'blis']).filter((name) => existsSync(allBlas[name]!['LD_LIBRARY_PATH']!));
  return names.length > 0 ? names : ['default'];
}

/** The environment of a script that runs with that many threads over that BLAS. */
export function torchEnvironment(threads: number, blas = torchBlas()[0]!): Record<string, string> {
  const count = String(threads);
  return {
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    BLIS_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    ...allBlas[blas],
  };
}

export function torchPeer(threads: number, blas: string): Peer {
  return new Peer(torchPython, [script], {
    ...torchEnvironment(threads, blas),
    // Freed gradients stay mapped, or every step faults their pages in again.
    MALLOC_TRIM_THRESHOLD_: '4294967296',
    MALLOC_TOP_PAD_: '268435456',
    MALLOC_MMAP_THRESHOLD_: '4294967296',
  });
}

export const torchInstalled = (): boolean => brought || existsSync(`/usr/lib/python3/dist-packages/torch`);
