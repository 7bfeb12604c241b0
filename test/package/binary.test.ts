// The addon for Linux as it is shipped: what it asks of a system, and what it shows of itself.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';

const shared = inject('shared');
const file = join(shared.installed, 'node_modules/anneal/prebuilds', `anneal-${process.platform}-${process.arch}.node`);
const check = join(import.meta.dirname, '../../scripts/check-portable.mjs');

const other = process.platform === 'linux' ? '' : ' (skipped: not on Linux)';
describe.skipIf(other)(`the ELF file${other}`, () => {
  test('needs no glibc after 2.28 and nothing else, shows only how it is loaded, and is stripped', () => {
    expect(execFileSync(process.execPath, [check, file], { encoding: 'utf8' })).toContain('needs glibc 2.28 and nothing else');
  });
});
