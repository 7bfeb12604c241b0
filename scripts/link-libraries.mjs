// Makes what a binary that is shipped links with in place of this system's C library: libraries of the same names that have
// every symbol in the newest version up to glibc 2.28, and nothing but symbols. A linker takes the default version of what it
// finds, so that a plain link needs the glibc of the machine that it was made on. What 2.28 does not have fails to link.
//
//     node scripts/link-libraries.mjs <compiler> <folder>
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Version of the C library that Node.js itself asks for. */
const NEWEST = [2, 28];

const [compiler, folder] = process.argv.slice(2);
const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const fileOf = (library) => run(compiler, [`-print-file-name=${library}`]).trim();

/** The symbols of a library: their versions, of which those up to NEWEST count, the type and the size of each. */
function symbolsOf(library) {
  const symbols = new Map();
  for (const line of run('readelf', ['--dyn-syms', '--wide', fileOf(library)]).split('\n')) {
    const match = /^\s*\d+:\s+\S+\s+(\d+)\s+(FUNC|OBJECT|IFUNC|TLS)\s+(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+\s+([^@\s]+)@@?(GLIBC_[\d.]+)$/.exec(line);
    if (match === null) continue;
    const [, size, type, name, version] = match;
    if (compare(numbers(version), NEWEST) > 0) continue;
    const known = symbols.get(name);
    if (known === undefined || compare(numbers(version), numbers(known.version)) > 0) symbols.set(name, { size, type, version });
  }
  return symbols;
}

const numbers = (version) => version.slice('GLIBC_'.length).split('.').map(Number);

function compare(a, b) {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  }
  return 0;
}

/** Makes a library of symbols without code, which is never loaded. */
function make(library, symbols) {
  const assembly = [...symbols].map(([name, { size, type, version }], i) => {
    const local = `symbol_${i}`;
    const section = type === 'TLS' ? '.section .tbss,"awT",@nobits' : '.data';
    const kind = type === 'FUNC' || type === 'IFUNC' ? 'function' : type === 'TLS' ? 'tls_object' : 'object';
    return `${section}\n.globl ${local}\n.type ${local}, %${kind}\n.size ${local}, ${size}\n${local}: .zero ${kind === 'function' ? 1 : size}\n.symver ${local}, ${name}@@${version}, remove\n`;
  });
  const versions = [...new Set([...symbols.values()].map(({ version }) => version))].sort((a, b) => compare(numbers(a), numbers(b)));
  const source = join(folder, `${library}.s`);
  const script = join(folder, `${library}.map`);
  writeFileSync(source, assembly.join('') || '.data\n');
  writeFileSync(script, versions.map((version) => `${version} {};\n`).join('') || '{};\n');
  run(compiler, ['-shared', '-nostdlib', `-Wl,-soname,${library}`, `-Wl,--version-script=${script}`, source, '-o', join(folder, library.replace(/\.so.*/, '.so'))]);
}

mkdirSync(folder, { recursive: true });
// What a loader itself has is looked for in all libraries, and musl has none of its name.
const loader = ['ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'].find((name) => isAbsolute(fileOf(name)));
make('libc.so.6', new Map([...symbolsOf(loader), ...symbolsOf('libc.so.6')]));
make('libm.so.6', symbolsOf('libm.so.6'));
// Parts of libc by now; in older ones some of the symbols above are in these.
for (const library of ['libpthread.so.0', 'libdl.so.2']) make(library, new Map());
