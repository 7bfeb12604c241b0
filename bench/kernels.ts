import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Distance, placement } from './distance.js';
import { machine, quiet } from './machine.js';
import { geometricMean, median, minimum } from './statistics.js';
import { fileOf, save } from './save.js';
import { short, table } from './table.js';

const root = dirname(import.meta.dirname);
const folder = join(root, 'build', 'bench');
const program = join(folder, 'kernels');
/** The program, by a command that starts it: `chroot <folder>`, say, where newer libraries are. */
const runner = [...(process.env['ANNEAL_BENCH_WITH'] ?? '').split(' ').filter(Boolean), program];
const libraries = '/usr/lib/x86_64-linux-gnu';

interface Case {
  readonly id: string;
  readonly group: string;
  readonly name: string;
  readonly againstPeers: number;
  readonly ofLimit: number;
}

interface Family {
  readonly name: string;
  readonly meanGoal: number;
  readonly cases: readonly Case[];
}

interface List {
  readonly target: string;
  readonly compiler: string;
  readonly families: readonly Family[];
}

/** Output of the program for a case: for everyone, the best of a burst of calls in each round, in ns a call. */
interface Measurement {
  readonly flops: number;
  readonly bytes: number;
  readonly foreign: number;
  readonly differs: string;
  readonly absent: readonly string[];
  readonly wrong: readonly string[];
  lineNs?: readonly number[];
  readonly contenders: readonly { readonly name: string; readonly kind: 'ours' | 'peer' | 'limit'; readonly ns: readonly number[] }[];
}

export interface KernelFigure {
  readonly name: string;
  readonly group: string;
  readonly threads: number;
  /** Of everyone: the median and the minimum of the rounds. */
  readonly ns: Readonly<Record<string, readonly [number, number]>>;
  readonly gflops?: number;
  readonly gbytes?: number;
  /** The fastest peer's time over ours and the slowest limit's, medians of the ratios of the rounds. */
  readonly againstPeers?: number;
  readonly best?: string;
  readonly ofLimit?: number;
  readonly goals?: { readonly againstPeers?: number; readonly ofLimit?: number };
  readonly absent?: readonly string[];
  /** Peers that were left out, as their result is not that of the reference. */
  readonly wrong?: readonly string[];
  /** CPUs' worth of time that others had on ours meanwhile, where it was more than nothing even when tried again. */
  readonly foreign?: number;
  /** Of two threads: ns of a cache line from CPU to CPU before and after. */
  readonly lineNs?: readonly number[];
}

interface Options {
  readonly families: readonly string[];
  readonly threads: readonly number[];
  readonly target: string;
  readonly only: string;
  readonly rounds: number;
}

const DISTURBED = 0.1;
/** Arithmetic faster than the measured peak by more than noise: then the peak was measured wrongly. */
const IMPOSSIBLE = 1.1;
const TRIES = 3;

/**
 * Kernels in turns with what an expert would call instead, and with the limits of the machine, a fresh process a case:
 *
 *     npm run bench -- kernels                                     every family, on 1 and on 2 threads
 *     npm run bench -- kernels gemm --threads 1 --only "NT 32"     some cases: printed, not written
 *     npm run bench -- kernels gemm --target avx2                  peers too are held to what that target may use
 *
 * `ANNEAL_BENCH_WITH="chroot <folder>"` runs them with the libraries of another system. oneDNN's convolutions need its version 3.
 *
 * Figures go to results/kernels/<family>.json, with -<target> behind the family's name for AVX-512 and where a target is forced.
 */
export async function kernels(args: readonly string[]): Promise<void> {
  const options = parse(args);
  build();
  const list = JSON.parse(execFileSync(program, ['--list'], { encoding: 'utf8' })) as List;
  const families = list.families.filter(({ name }) => (options.families.length === 0 ? name !== 'limits' : options.families.includes(name)));
  const unknown = options.families.find((name) => !list.families.some((family) => family.name === name));
  if (unknown !== undefined) throw new Error(`no family is called ${unknown}; there are ${list.families.map(({ name }) => name).join(', ')}`);

  const loadBefore = await quiet();
  const target = options.target === '' ? list.target : options.target;
  const peers = peerSettings(target);
  const distance = await Distance.start();
  console.log(`target ${target}, peers run with ${Object.entries(peers).map(([key, value]) => `${key}=${value}`).join(' ') || 'their defaults'}`);
  const run = (c: Case, threads: number, rounds = options.rounds): KernelFigure => figure(c, threads, measured(c.id, threads, options.target, rounds, peers, threads > 1 ? distance : undefined));
  const limits = list.families.find(({ name }) => name === 'limits')!.cases.flatMap((c) => options.threads.map((threads) => run(c, threads)));
  for (const { name, threads, gflops, gbytes } of limits) {
    console.log(`${name}, ${threads} thread${threads > 1 ? 's' : ''}: ${gflops === undefined ? `${short(gbytes!)} GB/s` : `${short(gflops)} GFLOP/s`}`);
  }
  for (const family of families) {
    const figures: KernelFigure[] = [];
    for (const threads of options.threads) {
      console.log(`\n${family.name}, ${threads} thread${threads > 1 ? 's' : ''}`);
      const cases = family.cases.filter(({ group, name }) => `${group} ${name}`.includes(options.only));
      const here = cases.map((c) => run(c, threads));
      console.log(tableOf(here));
      console.log(summary(family, here));
      figures.push(...here);
    }
    if (options.only !== '' || family.name === 'limits') continue;
    const name = options.target === '' ? fileOf(family.name, target) : `${family.name}-${options.target}`;
    save(`kernels/${name}`, { machine: machine({ compiler: list.compiler, target }), loadBefore, rounds: options.rounds, peers, limits, cases: figures });
  }
  await distance.close();
}

function parse(args: readonly string[]): Options {
  const families: string[] = [];
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const key = /^--(threads|target|only|rounds)$/.exec(args[i]!)?.[1];
    if (key !== undefined) given[key] = args[++i] ?? '';
    else if (args[i]!.startsWith('-')) throw new Error(`unknown option ${args[i]}; there are --threads, --target, --only and --rounds`);
    else families.push(args[i]!);
  }
  const threads = given['threads'] === undefined ? [1, 2].filter((n) => n <= availableParallelism()) : given['threads'].split(',').map(Number);
  return { families, threads, target: given['target'] ?? '', only: given['only'] ?? '', rounds: Number(given['rounds'] ?? 7) };
}

/** Counts the instructions of some cases and keeps them; `npm run test:native` compares. */
export function instructions(): void {
  build();
  execFileSync(process.execPath, [join(root, 'scripts', 'count-instructions.mjs'), folder, '--update'], { stdio: 'inherit' });
}

/** The program with the flags of the addon's release build. */
function build(): void {
  const cmake = (...args: string[]): void => {
    const { status, stdout, stderr } = spawnSync('cmake', args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`cmake ${args.join(' ')} failed:\n${stdout}${stderr}`);
  };
  if (!existsSync(join(folder, 'CMakeCache.txt'))) console.log('building the bench of kernels (a minute or two)');
  cmake('-S', root, '-B', folder, '-DANNEAL_TESTS=OFF');
  cmake('--build', folder, `-j${availableParallelism()}`, '--target', 'kernels');
}

function measured(id: string, threads: number, target: string, rounds: number, peers: Readonly<Record<string, string>>, distance?: Distance): Measurement {
  const args = ['--case', id, '--threads', String(threads), '--rounds', String(rounds), ...(target === '' ? [] : ['--target', target])];
  const count = String(threads);
  const env = { ...process.env, OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count, BLIS_NUM_THREADS: count, ...openmp(), ...peers };
  let quietest: Measurement | undefined;
  for (let i = 0; i < TRIES && (quietest === undefined || disturbance(quietest) > DISTURBED); i++) {
    const before = distance?.ns();
    const again = JSON.parse(execFileSync(runner[0]!, [...runner.slice(1), ...args], { encoding: 'utf8', env })) as Measurement;
    if (before !== undefined) again.lineNs = [before, distance!.ns()];
    if (quietest === undefined || disturbance(again) < disturbance(quietest)) quietest = again;
  }
  if (quietest!.differs !== '') throw new Error(`${id}: ${quietest!.differs} has another result than we`);
  return quietest!;
}

/** CPUs' worth of time that others had on ours; one where ours were in an unusual place; or, as other machines of the host show only in the times, how far our rounds or those of the fastest peer lie apart. */
function disturbance({ foreign, lineNs, contenders }: Measurement): number {
  const ours = contenders.filter(({ kind }) => kind === 'ours');
  const peers = contenders.filter(({ kind }) => kind === 'peer').toSorted((a, b) => minimum(a.ns) - minimum(b.ns));
  return Math.max(foreign, placement(lineNs ?? []) === '' ? 0 : 1, ...[...ours, ...peers.slice(0, 1)].map(({ ns }) => median(ns) / minimum(ns) - 1));
}

/** The OpenMP builds of OpenBLAS and BLIS: their pthread builds bring one pool each, which fight for the CPUs. */
function openmp(): Record<string, string> {
  const folders = [`${libraries}/openblas-openmp`, `${libraries}/blis-openmp`].filter(existsSync);
  return folders.length > 0 ? { LD_LIBRARY_PATH: folders.join(':') } : {};
}

/**
 * The environment in which the peers are fastest: libraries older than the CPU do not know it and fall back to less than it
 * can, so each is tried as what it detects and as the older CPUs that this one contains. A target without AVX-512 is a
 * stand-in for a machine without it: there the peers go without it too.
 */
function peerSettings(target: string): Record<string, string> {
  const wide = target === 'avx512';
  const candidates: Record<string, readonly (string | undefined)[]> = {
    OPENBLAS_CORETYPE: wide ? [undefined, 'SkylakeX', 'Zen'] : ['Zen', 'Haswell'],
    // Numbers of bli_type_defs.h: 0 Skylake-X, 6 Zen 3, 3 Haswell. Words would all be read as 0.
    BLIS_ARCH_TYPE: wide ? [undefined, '0', '6'] : ['6', '3'],
  };
  const best: Record<string, string> = wide ? {} : { ONEDNN_MAX_CPU_ISA: 'AVX2' };
  for (const [key, values] of Object.entries(candidates)) {
    const library = key.startsWith('OPENBLAS') ? 'OpenBLAS' : 'BLIS';
    const times = values.map((value) => {
      const { contenders } = measured('gemm/NN 512x512x512', 1, target === 'avx512' ? '' : target, 3, value === undefined ? {} : { [key]: value });
      return minimum(contenders.find(({ name }) => name === library)?.ns ?? [Number.POSITIVE_INFINITY]);
    });
    const fastest = values[times.indexOf(minimum(times))];
    if (fastest !== undefined && Number.isFinite(minimum(times))) best[key] = fastest;
  }
  return best;
}

function figure({ name, group, againstPeers, ofLimit }: Case, threads: number, m: Measurement): KernelFigure {
  const ours = m.contenders.find(({ kind }) => kind === 'ours')!.ns;
  const ratios = (kind: string, best: (...values: number[]) => number): number | undefined => {
    const others = m.contenders.filter((contender) => contender.kind === kind);
    return others.length === 0 ? undefined : median(ours.map((time, round) => best(...others.map(({ ns }) => ns[round]!)) / time));
  };
  const peers = m.contenders.filter(({ kind }) => kind === 'peer').map((peer) => ({ name: peer.name, median: median(peer.ns) }));
  const [ratio, share] = [ratios('peer', Math.min), ratios('limit', Math.max)];
  const goals = { ...(againstPeers > 0 ? { againstPeers } : {}), ...(ofLimit > 0 ? { ofLimit } : {}) };
  return {
    name,
    group,
    threads,
    ns: Object.fromEntries(m.contenders.map((c) => [c.name, [round(median(c.ns)), round(minimum(c.ns))]])),
    ...(m.flops > 0 ? { gflops: round(m.flops / median(ours)) } : {}),
    ...(m.bytes > 0 ? { gbytes: round(m.bytes / median(ours)) } : {}),
    ...(ratio === undefined ? {} : { againstPeers: round(ratio), best: peers.toSorted((a, b) => a.median - b.median)[0]!.name }),
    ...(share === undefined ? {} : { ofLimit: round(share) }),
    ...(Object.keys(goals).length > 0 ? { goals } : {}),
    ...(m.absent.length > 0 ? { absent: m.absent } : {}),
    ...(m.wrong.length > 0 ? { wrong: m.wrong } : {}),
    ...(m.foreign > DISTURBED ? { foreign: round(m.foreign) } : {}),
    ...(m.lineNs === undefined ? {} : { lineNs: m.lineNs.map(Math.round) }),
  };
}

const round = (x: number): number => Number(x.toPrecision(4));

/** Returns in words by how much a figure is under its goals; empty where it is not. */
function misses({ goals, againstPeers, ofLimit }: KernelFigure): string {
  const text: string[] = [];
  if (goals?.againstPeers !== undefined && againstPeers !== undefined && againstPeers < goals.againstPeers) text.push(`${againstPeers.toFixed(2)} < ${goals.againstPeers} of the peers`);
  if (goals?.ofLimit !== undefined && ofLimit !== undefined && ofLimit < goals.ofLimit) text.push(`${ofLimit.toFixed(2)} < ${goals.ofLimit} of the limit`);
  return text.join(', ');
}

function tableOf(figures: readonly KernelFigure[]): string {
  const rows = figures.map((f) => [
    `${f.group}: ${f.name}`,
    short(f.ns['anneal']![0]),
    f.gflops !== undefined ? `${short(f.gflops)} GF/s` : f.gbytes !== undefined ? `${short(f.gbytes)} GB/s` : '',
    f.ofLimit === undefined ? '' : `${(100 * f.ofLimit).toFixed(0)}%`,
    f.best ?? '',
    f.againstPeers === undefined ? '' : `${f.againstPeers.toFixed(2)}x`,
    [misses(f) === '' ? '' : 'under', f.foreign === undefined ? '' : 'disturbed', placement(f.lineNs ?? [])].filter((word) => word !== '').join(', '),
  ]);
  return table(['case', 'ns', 'rate', 'of limit', 'best peer', 'ratio', ''], rows);
}

function summary(family: Family, figures: readonly KernelFigure[]): string {
  const lines: string[] = [];
  const groups = [...new Set(figures.map(({ group }) => group))];
  const mean = (of: readonly KernelFigure[]): string => {
    const ratios = of.flatMap(({ againstPeers }) => againstPeers ?? []);
    return ratios.length === 0 ? '' : geometricMean(ratios).toFixed(2);
  };
  if (mean(figures) !== '') {
    lines.push(`geometric means against the best peer: ${groups.filter((g) => mean(figures.filter(({ group }) => group === g)) !== '').map((g) => `${g} ${mean(figures.filter(({ group }) => group === g))}`).join(', ')}`);
    lines.push(`of all: ${mean(figures)}${family.meanGoal > 0 ? ` (goal ${family.meanGoal})` : ''}`);
  }
  const absent = [...new Set(figures.flatMap((f) => f.absent ?? []))];
  if (absent.length > 0) lines.push(`absent on this machine: ${absent.join(', ')}`);
  const wrong = figures.filter((f) => f.wrong !== undefined);
  if (wrong.length > 0) lines.push(`wrong results, left out: ${wrong.map((f) => `${f.wrong!.join(' and ')} in ${f.name}`).join(', ')}`);
  const under = figures.filter((f) => misses(f) !== '');
  lines.push(under.length === 0 ? 'nothing is under its goal' : `under goal: ${under.length} of ${figures.length}`);
  for (const f of under) lines.push(`  ${f.name}: ${misses(f)}`);
  const impossible = figures.filter(({ gflops, ofLimit }) => gflops !== undefined && ofLimit !== undefined && ofLimit > IMPOSSIBLE);
  if (impossible.length > 0) lines.push(`faster than the machine's peak: ${impossible.map(({ name }) => name).join(', ')}; do not trust the peak`);
  const disturbed = figures.filter((f) => f.foreign !== undefined);
  if (disturbed.length > 0) lines.push(`others were busy on these CPUs during ${disturbed.length} of ${figures.length} cases: not to be trusted`);
  const elsewhere = figures.filter((f) => placement(f.lineNs ?? []) !== '');
  if (elsewhere.length > 0) lines.push(`the two CPUs shared a core, or no cache, during ${elsewhere.length} of ${figures.length} cases: such figures do not compare with others`);
  return lines.join('\n');
}
