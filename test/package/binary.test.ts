// The addon for Linux as it is shipped: what it asks of a system, and what it shows of itself.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';

const shared = inject('shared');
const file = join(shared.installed, 'node_modules/anneal/prebuilds', `anneal-${process.platform}-${process.arch}.node`);
const read = (command: string, ...args: string[]): string => execFileSync(command, [...args, file], { encoding: 'utf8' });

const other = process.platform === 'linux' ? '' : ' (skipped: not on Linux)';
describe.skipIf(other)(`the ELF file${other}`, () => {
  /** Dynamic symbols, as in "U napi_throw" and "U memcpy@GLIBC_2.14". */
  const symbols = (which: string): string[] => read('nm', '--dynamic', which).trim().split('\n').map((line) => line.trim().replace(/^[\da-f]+ /, ''));

  test('needs the C library and nothing else', () => {
    const needed = [...read('readelf', '--dynamic').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name!);
    expect(needed.sort((a, b) => a.localeCompare(b))).toEqual(['libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0']);
    expect(read('readelf', '--dynamic')).not.toMatch(/RPATH|RUNPATH|TEXTREL/);
  });

  test('needs no glibc after 2.28', () => {
    const versions = [...read('readelf', '--version-info').matchAll(/\bGLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => Number(major) * 1000 + Number(minor));
    expect(versions.length).toBeGreaterThan(0);
    expect(Math.max(...versions)).toBeLessThanOrEqual(2028);
  });

  test('finds each symbol that it needs in the C library or in Node-API', () => {
    expect(symbols('--undefined-only').filter((symbol) => !/^w |@GLIBC_|^U napi_/.test(symbol))).toEqual([]);
  });

  test('shows only how it is loaded', () => {
    expect(symbols('--defined-only').map((symbol) => symbol.replace(/^\w /, '')).sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });

  test('is stripped, its stack is not executable, its relocations are read-only', () => {
    expect(read('readelf', '--sections')).not.toMatch(/\.symtab|\.debug_/);
    const segments = read('readelf', '--program-headers', '--wide');
    expect(segments).toMatch(/GNU_STACK\s.* RW /);
    expect(segments).toContain('GNU_RELRO');
  });
});
