import { existsSync, readFileSync } from 'node:fs';
import { Peer } from '../peer.js';

/** One way to run PyTorch: which one, how the script steps, and which BLAS it finds under which name of the CPU. */
export interface TorchConfiguration {
  readonly version: string;
  readonly mode: string;
  readonly blas: string;
}

const libraries = '/usr/lib/x86_64-linux-gnu';
const script = new URL('torch_steps.py', import.meta.url).pathname;
const debian = '/usr/bin/python3';

/** The interpreters whose PyTorch we compare with: Debian's, and those that ANNEAL_BENCH_PYTHON names, with a colon between them. */
export const torchPythons: readonly string[] = [
  ...(existsSync('/usr/lib/python3/dist-packages/torch') ? [debian] : []),
  ...(process.env['ANNEAL_BENCH_PYTHON'] ?? '').split(':').filter((python) => python !== ''),
];

/** BLAS libraries as they are installed. CPUs younger than the library are told to it as the older one that they contain. */
const allBlas: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  openblas: { LD_LIBRARY_PATH: `${libraries}/openblas-openmp` },
  'openblas as SkylakeX': { LD_LIBRARY_PATH: `${libraries}/openblas-openmp`, OPENBLAS_CORETYPE: 'SkylakeX' },
  // Numbers of bli_type_defs.h: words would all be read as 0, which is Skylake-X and ends where there is no AVX-512.
  blis: { LD_LIBRARY_PATH: `${libraries}/blis-openmp`, BLIS_ARCH_TYPE: '6' },
  'blis as SkylakeX': { LD_LIBRARY_PATH: `${libraries}/blis-openmp`, BLIS_ARCH_TYPE: '0' },
};

/** Folders in which a PyTorch may find them: it is asked which of these folders it has. */
export const blasPaths: readonly string[] = [...new Set(Object.values(allBlas).flatMap(({ LD_LIBRARY_PATH: path }) => path ?? []))];

/**
 * The BLAS configurations that can be fastest here, of a PyTorch that finds `paths`. Left out: the pthread build of OpenBLAS, Debian's
 * default, whose pool fights with PyTorch's for the CPUs, and names of CPUs that this one does not contain.
 */
export function torchBlas(paths: readonly string[] = blasPaths.filter((path) => existsSync(path))): string[] {
  const wide = / avx512f /.test(readFileSync('/proc/cpuinfo', 'utf8'));
  const names = wide ? ['openblas as SkylakeX', 'openblas', 'blis as SkylakeX'] : ['openblas', 'blis'];
  const found = names.filter((name) => paths.includes(allBlas[name]!['LD_LIBRARY_PATH']!));
  return found.length > 0 ? found : ['default'];
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

export function torchPeer(python: string, threads: number, blas: string): Peer {
  return new Peer(python, [script], {
    ...torchEnvironment(threads, blas),
    // Freed gradients stay mapped, or every step faults their pages in again.
    MALLOC_TRIM_THRESHOLD_: '4294967296',
    MALLOC_TOP_PAD_: '268435456',
    MALLOC_MMAP_THRESHOLD_: '4294967296',
  });
}
