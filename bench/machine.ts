import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, type CpuInfo } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly node: string;
  readonly compiler: string;
  readonly target: string;
  readonly commit: string;
  readonly date: string;
}

/** Facts that a figure has to name to mean anything. `addon` is what info() says about the native side. */
export function machine(addon: { readonly compiler: string; readonly target: string }): Machine {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'native', 'binding.gyp') !== '';
  return {
    cpu: cpuModel(),
    cores: cpus().length,
    system: `${process.platform} ${release()}`,
    node: process.version,
    compiler: addon.compiler,
    target: addon.target,
    commit: git('rev-parse', '--short', 'HEAD') + (changed ? ' with local changes' : ''),
    date: new Date().toISOString(),
  };
}

/** Some virtual machines hide the model's name; family and model still tell the generation. */
function cpuModel(): string {
  const name = cpus()[0]?.model.trim() ?? 'unknown';
  if (process.platform !== 'linux') return name;
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (key: string): string => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '?';
  const vectors = ['avx2', 'avx512f'].filter((flag) => ` ${field('flags')} `.includes(` ${flag} `));
  return `${name} (family ${field('cpu family')}, model ${field('model')}, ${vectors.join(' ')})`;
}

/** Waits until the CPUs that we may use are quiet, so that a figure is not somebody else's load; says so when they never are. */
export async function quiet(limit = 0.5, patience = 20): Promise<number> {
  for (let second = 0; second < patience; second += 2) {
    if (busyShare(await sample(500)) < limit / allowedCpus().length) return loadavg()[0]!;
  }
  console.warn(`bench: the machine stayed busy (load ${loadavg()[0]!.toFixed(2)}); the figures below are not to be trusted`);
  return loadavg()[0]!;
}

type Times = { busy: number; idle: number };

/** The CPUs that the affinity mask leaves to this process. */
function allowedCpus(): readonly CpuInfo[] {
  const list = process.platform === 'linux' ? /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] : undefined;
  if (list === undefined) return cpus();
  const ranges = list.split(',').map((range) => range.split('-').map(Number));
  return cpus().filter((_, cpu) => ranges.some(([first, last]) => cpu >= first! && cpu <= (last ?? first!)));
}

function times(): Times {
  let busy = 0;
  let idle = 0;
  for (const { times } of allowedCpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, idle };
}

async function sample(ms: number): Promise<Times> {
  const before = times();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = times();
  return { busy: after.busy - before.busy, idle: after.idle - before.idle };
}

const busyShare = ({ busy, idle }: Times): number => busy / Math.max(1, busy + idle);
