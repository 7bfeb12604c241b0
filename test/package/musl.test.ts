// The addon for Linux, under musl. No package of the registry has a Node.js for it: the addon is loaded by a program in C, and trains under Bun once that is kept from objecting.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { PRINT, run, tools, trained, TRAIN_CJS, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const sources = join(import.meta.dirname, 'musl');
const addon = join(shared.installed, 'node_modules/anneal/prebuilds', `anneal-${process.platform}-${process.arch}.node`);
const folder = join(shared.folder, 'musl');
const has = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
const missing = has('musl-gcc') && has('g++') ? '' : ' (skipped: no musl-gcc, which is in Debian’s musl-tools, or no g++)';
const symbols = (file: string, which: string): string[] => execFileSync('nm', ['--dynamic', which, file], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(' ').at(-1)!.replace(/@.*/, ''));

describe.skipIf(missing)(`musl${missing}`, () => {
  test('all symbols are found, without Node.js', () => {
    mkdirSync(folder, { recursive: true });
    const napi = symbols(addon, '--undefined-only').filter((name) => name.startsWith('napi_'));
    writeFileSync(join(folder, 'generated.h'), napi.map((name) => `void ${name}(void) { abort(); }\n`).join(''));
    execFileSync('musl-gcc', ['-rdynamic', '-I', folder, join(sources, 'load.c'), '-o', join(folder, 'load')]);
    expect(execFileSync(join(folder, 'load'), [addon], { encoding: 'utf8' })).toBe('loaded\n');
  });

  const other = process.arch === 'x64' ? '' : ' (skipped: not x64)';
  test.skipIf(other)(`Bun refuses the file as it is, and trains with one that names no libraries${other}`, async () => {
    const loader = '/lib/ld-musl-x86_64.so.1';
    const bun = join(muslTools(), 'node_modules/@oven/bun-linux-x64-musl/bin/bun');
    const inMusl = new Set(symbols(loader, '--defined-only'));
    const needed = symbols(bun, '--undefined-only').filter((name) => !inMusl.has(name) && /^(_Z|__cxa_|__dynamic_cast|__once_proxy|__register_frame|__deregister_frame)/.test(name));
    // Bun has these as weak ones of its own data.
    needed.push('_ZTVN10__cxxabiv121__vmi_class_type_infoE', '__gxx_personality_v0');
    cxxLibrary(needed);
    const train = (file: string, text: string, env = {}): ReturnType<typeof run> =>
      run(loader, ['--library-path', folder, bun, write(join(shared.installed, 'musl'), file, text + PRINT)], { cwd: shared.installed, shared, env });
    // It looks at what a file names as libraries, and not at whether that works.
    expect((await train('train.mjs', TRAIN_ESM)).errors).toMatch(/could not be loaded on linux-x64, musl.*is linked against glibc/s);
    const unnamed = join(folder, 'anneal.node');
    writeFileSync(unnamed, withoutNeeded(readFileSync(addon)));
    for (const [file, text] of [['train.mjs', TRAIN_ESM], ['train.cjs', TRAIN_CJS]] as const) {
      const { weights, binary } = trained(await train(file, text, { ANNEAL_ADDON: unnamed }));
      expect({ weights, binary }).toEqual({ weights: shared.weights, binary: unnamed });
    }
  });
});

/** An ELF file that names no libraries: what it needs of them, the process has. */
function withoutNeeded(elf: Buffer): Buffer {
  const [start, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
  for (let header = start; header < start + count * size; header += size) {
    if (elf.readUInt32LE(header) !== 2) continue; // PT_DYNAMIC
    const [offset, bytes] = [Number(elf.readBigUInt64LE(header + 8)), Number(elf.readBigUInt64LE(header + 32))];
    for (let at = offset; at < offset + bytes; at += 16) {
      if (elf.readBigInt64LE(at) === 1n) elf.writeBigInt64LE(0x6000000dn, at); // DT_NEEDED, and DT_LOOS, which no loader looks at
    }
  }
  return elf;
}

/** Bun for musl, which npm takes to be of no use on another system. */
function muslTools(): string {
  const place = join(tools, 'musl');
  if (!existsSync(join(place, 'node_modules/@oven'))) {
    write(place, 'package.json', '{ "private": true }');
    execFileSync('npm', ['install', '--force', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', '@oven/bun-linux-x64-musl@1.4.5'], { cwd: place });
  }
  return place;
}

/** A C++ library for musl, which Debian has none of: these symbols and what they need, out of the static one for glibc. */
function cxxLibrary(needed: readonly string[]): void {
  const gcc = (name: string): string => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  execFileSync('musl-gcc', ['-c', '-fPIC', join(sources, 'missing.c'), '-o', join(folder, 'missing.o')]);
  const asked = needed.filter((name) => !['__cxa_thread_atexit_impl', '_ZSt21__glibcxx_assert_failPKciS0_S0_'].includes(name)).map((name) => `-Wl,-u,${name}`);
  execFileSync('g++', [
    '-shared', '-nostdlib', '-o', join(folder, 'libstdc++.so.6'), '-Wl,-soname,libstdc++.so.6', '-Wl,--gc-sections', ...asked,
    gcc('crtbeginS.o'), join(folder, 'missing.o'), '-Wl,-Bstatic', '-lstdc++', '-lgcc_eh', '-lgcc', gcc('crtendS.o'),
  ]);
}
