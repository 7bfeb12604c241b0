// Where programs are put: folders that cannot be written, users without rights or a home, names with spaces, CPU limits of containers.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { expectTrained, nodeBinary, type Options, PRINT, run, runNode, trained, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const node = nodeBinary();
/** A copy that others than its owner can read. */
const open = join(shared.folder, 'open');

beforeAll(() => {
  cpSync(shared.installed, open, { recursive: true });
  write(open, 'train.mjs', TRAIN_ESM + PRINT);
  write(open, 'threads.mjs', "import { info } from 'anneal'; console.log(info().threads);");
  chmodSync(shared.folder, 0o755);
  chmodSync(open, 0o755);
});

/** True if this process may make mounts of its own, and drop its rights. */
const isRoot = process.getuid?.() === 0;
const unshare = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const noRoot = isRoot ? '' : ' (skipped: not root)';
const noMounts = unshare ? '' : ' (skipped: no mounts of its own)';

/** Runs a shell script whose mounts end with it. */
const mounted = (script: string, env: Options['env'] = {}): ReturnType<typeof run> => run('/usr/bin/unshare', ['--mount', '/bin/sh', '-ec', script], { cwd: '/', shared, env: { PATH: process.env['PATH'], ...env } });
const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all';

test('a path with spaces and letters beyond ASCII', async () => {
  const folder = join(shared.folder, 'größer 大 path');
  cpSync(open, folder, { recursive: true });
  expectTrained(trained(await runNode(join(folder, 'train.mjs'), [], { cwd: folder, shared })), shared, folder);
});

test('a folder that nobody may write', async () => {
  const folder = join(shared.folder, 'read-only');
  cpSync(open, folder, { recursive: true });
  for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) chmodSync(join(folder, name), statSync(join(folder, name)).mode & ~0o222);
  expectTrained(trained(await runNode(join(folder, 'train.mjs'), [], { cwd: folder, shared })), shared, folder);
});

test.skipIf(noMounts)(`no file system that can be written${noMounts}`, async () => {
  const result = await mounted(`
    mount -o remount,bind,ro /
    mount -t tmpfs -o ro tmpfs /dev/shm
    ! touch ${open}/file 2> /dev/null
    exec ${node} ${open}/train.mjs`);
  expectTrained(trained(result), shared, open);
});

test.skipIf(noRoot)(`a user without rights, and no HOME${noRoot}`, async () => {
  const result = await run('/usr/bin/setpriv', [...nobody.split(' ').slice(1), node, join(open, 'train.mjs')], { cwd: open, shared, env: { HOME: undefined } });
  expectTrained(trained(result), shared, open);
});

// Its layout only: the code under /var/task, which cannot be written, as the rest, but /tmp; a user without rights or a HOME; no /dev/shm.
test.skipIf(noMounts)(`AWS Lambda’s layout${noMounts}`, async () => {
  write(open, 'handler.mjs', `${TRAIN_ESM}\nexport const handler = async () => ({ statusCode: 200, body: await train() });`);
  write(open, 'runtime.mjs', `
    const { handler } = await import(process.env.LAMBDA_TASK_ROOT + '/handler.mjs');
    const [first, second] = [await handler({}), await handler({})];
    if (first.body !== second.body) throw new Error('the second call differs');
    console.log(first.body);`);
  const result = await mounted(`
    mkdir ${shared.folder}/node && cp ${node} ${shared.folder}/node/node
    mount -t tmpfs tmpfs /var
    mkdir /var/task /var/lang
    mount --bind ${open} /var/task
    mount --bind ${shared.folder}/node /var/lang
    mount -o remount,bind,ro /var/task
    mount -t tmpfs tmpfs /tmp
    chmod 1777 /tmp
    mount -t tmpfs -o mode=0,ro tmpfs /dev/shm
    mount -o remount,bind,ro /
    mount -o remount,ro /var
    cd /var/task
    exec ${nobody} /var/lang/node --max-old-space-size=100 runtime.mjs`, { HOME: undefined, LAMBDA_TASK_ROOT: '/var/task', LD_LIBRARY_PATH: '/var/lang/lib:/lib64:/usr/lib64:/var/task' });
  expectTrained(trained(result), shared, '/var/task/node_modules/anneal/prebuilds');
});

describe('the CPU limit of a container is the number of threads', () => {
  const threads = (result: Awaited<ReturnType<typeof run>>): number => {
    expect({ errors: result.errors, ended: result.ended }).toEqual({ errors: '', ended: 0 });
    return Number(result.out);
  };
  const program = (): string => join(open, 'threads.mjs');
  const mountOfV2 = existsSync('/proc/self/mountinfo') ? readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((line) => / - cgroup2 /.test(line))?.split(' ')[4] : undefined;
  const noV2 = unshare && mountOfV2 !== undefined ? '' : ' (skipped: no such mount, or no mounts of its own)';

  test('without one, all CPUs that the process may use', async () => {
    expect(threads(await runNode(program(), [], { cwd: open, shared }))).toBeLessThanOrEqual(availableParallelism());
    expect(threads(await runNode(program(), [], { cwd: open, shared, env: { ANNEAL_THREADS: '1' } }))).toBe(1);
  });

  test.skipIf(noV2).each([[1.5, 2], [0.5, 1]])(`by cgroup v2, a quota of %d CPUs${noV2}`, async (cpus, expected) => {
    // A file in place of the kernel's, over a mount that is real: where version 1 has the CPU controller, version 2 cannot be given it.
    const limits = write(shared.folder, `cgroup-${cpus}/cpu.max`, `${cpus * 100_000} 100000\n`);
    expect(threads(await mounted(`mount --bind ${dirname(limits)} ${mountOfV2!}; exec ${node} ${program()}`))).toBe(Math.min(expected, availableParallelism()));
  });

  const hierarchy = '/sys/fs/cgroup/cpu';
  const group = `${hierarchy}/anneal-package-${process.pid}`;
  const v1 = isRoot && existsSync(`${hierarchy}/cgroup.procs`) ? '' : ' (skipped: no such hierarchy that root may change)';
  describe.skipIf(v1)(`by cgroup v1${v1}`, () => {
    beforeAll(() => mkdirSync(group));
    afterAll(() => rmdirSync(group));

    test.each([[1.5, 2], [0.5, 1]])('a quota of %d CPUs', async (cpus, expected) => {
      writeFileSync(`${group}/cpu.cfs_period_us`, '100000');
      writeFileSync(`${group}/cpu.cfs_quota_us`, String(cpus * 100_000));
      const limited = await run('/bin/sh', ['-c', `echo $$ > ${group}/cgroup.procs; exec ${node} ${program()}`], { cwd: open, shared });
      expect(threads(limited)).toBe(Math.min(expected, availableParallelism()));
    });
  });
});
