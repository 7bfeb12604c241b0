import { existsSync, readFileSync } from 'node:fs';
import { Peer } from '../peer.js';

/** One way to run PyTorch: how the script steps, and which BLAS it finds under which name of the CPU. */
export interface TorchConfiguration {
  readonly mode: string;
  readonly blas: string;
}

const libraries = '/usr/lib/x86_64-linux-gnu';
const script = new URL('torch_steps.py', import.meta.url).pathname;
const python = '/usr/bin/python3';

export const torchModes = ['foreach', 'single', 'flat', 'traced', 'traced+flat'] as const;

/** BLAS libraries as they are installed. CPUs younger than the library are told to it as the older one that they contain. */
const allBlas: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  openblas: { LD_LIBRARY_PATH: `${libraries}/openblas-openmp` },
  'openblas as SkylakeX': { LD_LIBRARY_PATH: `${libraries}/openblas-openmp`, OPENBLAS_CORETYPE: 'SkylakeX' },
  blis: { LD_LIBRARY_PATH: `${libraries}/blis-openmp`, BLIS_ARCH_TYPE: 'zen3' },
};

/** The BLAS configurations that can run here. The default one with threads is left out where two pools would fight. */
export function torchBlas(threads: number): string[] {
  const avx512 = / avx512f /.test(readFileSync('/proc/cpuinfo', 'utf8'));
  const names = Object.keys(allBlas).filter((name) => {
    if (name === 'openblas as SkylakeX' && !avx512) return false;
    const folder = allBlas[name]!['LD_LIBRARY_PATH'];
    return folder === undefined ? threads === 1 : existsSync(folder);
  });
  // With the OpenMP build of OpenBLAS there, the default is the same code again.
  return names.includes('openblas') ? names.filter((name) => name !== 'default') : names.length > 0 ? names : ['default'];
}

export function torchPeer(threads: number, blas: string): Peer {
  const count = String(threads);
  return new Peer(python, [script], {
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    BLIS_NUM_THREADS: count,
    // Freed gradients stay mapped, or every step faults their pages in again.
    MALLOC_TRIM_THRESHOLD_: '4294967296',
    MALLOC_TOP_PAD_: '268435456',
    MALLOC_MMAP_THRESHOLD_: '4294967296',
    ...allBlas[blas],
  });
}

export const torchInstalled = (): boolean => existsSync(`/usr/lib/python3/dist-packages/torch`);
