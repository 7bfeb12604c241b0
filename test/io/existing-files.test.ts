import { spawnSync } from 'node:child_process';
import { constants, openSync, closeSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, open, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, loadMetadata, parseSafetensors, save } from '../../src/io/index.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'anneal-files-'))));
afterAll(() => rm(root, { recursive: true }));

const folder = (): Promise<string> => mkdtemp(join(root, 'case-'));
const one = (value: number) => ({ a: { shape: [1], dtype: 'float32' as const, data: Float32Array.of(value) } });
const valueIn = async (path: Parameters<typeof load>[0]): Promise<number> => (await load(path)).get('a')!.data[0]!;

describe.skipIf(process.platform === 'win32')('save over what is there', () => {
  it.each([0o600, 0o640, 0o755, 0o666])('keeps the mode %o', async (mode) => {
    const path = join(await folder(), 'model');
    await save(one(1), path);
    await chmod(path, mode);
    await save(one(2), path);
    expect((await stat(path)).mode & 0o7777).toBe(mode);
    expect(await valueIn(path)).toBe(2);
  });

  it.skipIf(process.getuid?.() !== 0)('keeps the owner', async () => {
    const path = join(await folder(), 'model');
    await save(one(1), path);
    const file = await open(path);
    await file.chown(1234, 2345);
    await file.close();
    await save(one(2), path);
    expect(await stat(path)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  it('replaces the file behind symbolic links, also through folders and where it is not there yet', async () => {
    const at = await folder();
    await mkdir(join(at, 'real'));
    await symlink(join(at, 'real'), join(at, 'folder'));
    await symlink('latest', join(at, 'real', 'current'));
    await symlink('../real/model', join(at, 'real', 'latest'));
    const path = join(at, 'folder', 'current');
    for (const value of [1, 2]) {
      await save(one(value), path);
      expect(await valueIn(join(at, 'real', 'model'))).toBe(value);
      expect((await lstat(path)).isSymbolicLink()).toBe(true);
      expect(await readlink(join(at, 'real', 'latest'))).toBe('../real/model');
    }
    expect((await readdir(join(at, 'real'))).toSorted()).toEqual(['current', 'latest', 'model']);
    await symlink('round', join(at, 'round'));
    await expect(save(one(1), join(at, 'round'))).rejects.toMatchObject({ code: 'ELOOP' });
  });

  it('writes to a device and to a pipe, and leaves them what they are', async () => {
    await save(one(1), '/dev/null');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    const path = join(await folder(), 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const end = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      await save(one(7), path);
      const reader = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const { buffer, bytesRead } = await reader.read({ buffer: Buffer.alloc(4096), position: null });
      await reader.close();
      expect((await parseSafetensors(new Uint8Array(buffer.subarray(0, bytesRead)))).tensors.get('a')!.data[0]).toBe(7);
      expect((await lstat(path)).isFIFO()).toBe(true);
    } finally {
      closeSync(end);
    }
  });

  it('refuses a folder, and leaves nothing in it', async () => {
    const at = await folder();
    await expect(save(one(1), at)).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(at)).toEqual([]);
  });

  it('takes names of 255 bytes', async () => {
    const at = await folder();
    const name = 'ä'.repeat(127);
    await save(one(1), join(at, name));
    expect(await readdir(at)).toEqual([name]);
  });

  it('takes URLs, Buffers, and names that are no UTF-8', async () => {
    const at = await folder();
    for (const path of [pathToFileURL(join(at, 'a b')), Buffer.from(join(at, 'buffer'))]) {
      await save(one(3), path, { metadata: { epoch: '5' } });
      expect(await valueIn(path)).toBe(3);
      expect(await loadMetadata(path)).toEqual({ epoch: '5' });
    }
    if (process.platform !== 'linux') return;
    const odd = Buffer.concat([Buffer.from(join(at, 'odd')), Buffer.of(0xff, 0xfe)]);
    await save(one(4), odd);
    expect(await valueIn(odd)).toBe(4);
  });
});

describe('temporary files of processes that were killed while they saved', () => {
  const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  /** A process that has ended. */
  const dead = (): number => spawnSync(process.execPath, ['-e', '']).pid;

  it('go with the next save to that path; others stay', async () => {
    const at = await folder();
    const stale = [`.model.${machine}-${dead()}-00112233.tmp`, `.model.${machine}-${process.pid}-00112233.tmp`, '.model.ffffffff-1-00112233.tmp'];
    const kept = [
      `.model.${machine}-${process.pid}-44556677.tmp`,
      `.model.${machine}-${process.ppid}-44556677.tmp`,
      '.model.ffffffff-1-44556677.tmp',
      `.model.best.${machine}-${dead()}-00112233.tmp`,
      '.model.backup.tmp',
      '.model',
    ];
    for (const name of [...stale, ...kept]) await writeFile(join(at, name), 'x');
    const long = new Date(Date.now() - 3 * 24 * 60 * 60 * 1000);
    for (const name of stale.slice(1)) await utimes(join(at, name), long, long);
    await save(one(1), join(at, 'model'));
    expect((await readdir(at)).toSorted()).toEqual([...kept, 'model'].toSorted());
  });

  it('are named so that the process is found', async () => {
    const at = await folder();
    const source = `
      import { save } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/io/index.ts')).href)};
      await save({ a: { shape: [1], dtype: 'float32', data: Object.defineProperty(Float32Array.of(1), 'byteOffset', { get: () => process.kill(process.pid, 'SIGKILL') }) } }, ${JSON.stringify(join(at, 'model'))});`;
    spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { cwd: join(import.meta.dirname, '../..') });
    expect(await readdir(at)).toEqual([expect.stringMatching(/^\.model\..*\.tmp$/)]);
    await save(one(2), join(at, 'model'));
    expect(await readdir(at)).toEqual(['model']);
  });
});

describe('loadMetadata', () => {
  it('reads what save() was given', async () => {
    const path = join(await folder(), 'model');
    const metadata = { epoch: '5', 'ä"': '', __proto__: 'x' };
    await save(one(1), path, { metadata });
    expect(await loadMetadata(path)).toEqual(metadata);
    await save(one(1), path, { metadata: await loadMetadata(path) });
    expect(await loadMetadata(relative(process.cwd(), path))).toEqual(metadata);
    await save(one(1), path);
    expect(await loadMetadata(path)).toEqual({});
  });

  it('refuses what is no such file', async () => {
    const path = join(await folder(), 'text');
    await writeFile(path, 'hello, world');
    await expect(loadMetadata(path)).rejects.toMatchObject({ code: 'ANNEAL_FILE_FORMAT' });
    await expect(loadMetadata(join(path, 'none'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(loadMetadata(5 as never)).rejects.toThrow("[loadMetadata] path: got 5, expected a string, a Buffer or a URL, as in loadMetadata('model.safetensors').");
  });
});

describe('save refuses what holds no tensors, before it touches a file', () => {
  it.each([[5], [null], [undefined], ['model'], [[]], [new Date(0)], [new Float32Array(2)], [() => 1], [Symbol('x')], [{ a: 5 }], [{ a: null }], [new Map([[1, 2]])], [{ a: { shape: [1], dtype: 'x', data: [] } }]])(
    '%s',
    async (source) => {
      const at = await folder();
      await expect(save(source as never, join(at, 'model'))).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
      expect(await readdir(at)).toEqual([]);
    },
  );

  it.each([[5], [''], ['a\0b'], [null], [undefined], [{}], [new URL('https://example.org/model')]])('and the path %s', async (path) => {
    await expect(save(one(1), path as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    await expect(load(path as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
  });

  it('and metadata that is no texts', async () => {
    const path = join(await folder(), 'model');
    for (const metadata of [5, null, ['x'], { a: 1 }, new Map()]) {
      await expect(save(one(1), path, { metadata } as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    }
  });

  it('also a detached array', async () => {
    const data = Float32Array.of(1);
    structuredClone(data, { transfer: [data.buffer] });
    await expect(save({ a: { shape: [1], dtype: 'float32', data } }, join(root, 'never'))).rejects.toThrow("[save] tensor 'a': got a detached array");
    await expect(readFile(join(root, 'never'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
