import type * as Fs from 'node:fs';
import { lazyRequire } from './lazy-require.js';

const fs = lazyRequire<typeof Fs>('node:fs');

/** The C library and its version, such as "glibc 2.36"; undefined where a platform has one only, or a runtime does not say. Takes tens of milliseconds. */
export function libc(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const { report } = process;
  // Names of hosts, which can take seconds to find.
  (report as { excludeNetwork?: boolean }).excludeNetwork = true;
  try {
    const { header } = report.getReport() as unknown as { readonly header: { readonly glibcVersionRuntime?: string } };
    if (header.glibcVersionRuntime !== undefined) return `glibc ${header.glibcVersionRuntime}`;
  } catch {
    return undefined; // Deno may not be allowed to know, and why an addon does not load matters more
  }
  return fs().readdirSync('/lib').some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'no glibc';
}

/** Platform, architecture and C library, such as "linux-x64, glibc 2.36". */
export function platformText(): string {
  const platform = `${process.platform}-${process.arch}`;
  const library = libc();
  return library === undefined ? platform : `${platform}, ${library}`;
}
