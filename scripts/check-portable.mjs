// Reads an addon for Linux as it is shipped: what it asks of a system, and what it shows of itself. Its loader, under an emulator
// where it is for another machine, has to find every symbol but those of Node-API, which the program that loads it has.
//
//     node scripts/check-portable.mjs prebuilds/anneal-linux-x64.node
//     node scripts/check-portable.mjs prebuilds/anneal-linux-arm64.node qemu-aarch64 -L /usr/aarch64-linux-gnu
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './slots.mjs';

const LIBRARY = /^(lib(c|dl|m|pthread)\.so\.\d|ld-linux-aarch64\.so\.1)$/;
/** Version of the C library that Node.js itself asks for, 2.28. */
const NEWEST = 2028;
const SHOWN = 'napi_register_module_v1 node_api_module_get_api_version_v1';

/** Kinds of fault, each with a function that lists what is at fault. */
const checks = {
  'needs other libraries': ({ dynamic }) => [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name).filter((name) => !LIBRARY.test(name)),
  'has in its dynamic section': ({ dynamic }) => dynamic.match(/RPATH|RUNPATH|TEXTREL/g) ?? [],
  'needs a newer C library': ({ versions }) => [...versions.matchAll(/\bGLIBC_(\d+)\.(\d+)/g)].filter(([, major, minor]) => Number(major) * 1000 + Number(minor) > NEWEST).map(([version]) => version),
  'names no version of the C library': ({ versions }) => (versions.includes('GLIBC_2.') ? [] : ['none']),
  'needs symbols that neither the C library nor Node-API has': ({ symbols }) => symbols.filter((one) => / [Uv] /.test(one) && !/@GLIBC_| U napi_/.test(one)).map((one) => one.trim()),
  'shows symbols': ({ symbols }) => {
    const shown = symbols.filter((one) => !/ [Uvw] /.test(one)).map((one) => one.split(' ').pop()).sort();
    return shown.join(' ') === SHOWN ? [] : shown;
  },
  'has sections for debuggers': ({ sections }) => sections.match(/\.symtab|\.debug_\w+/g) ?? [],
  'has an executable stack': ({ segments }) => (/GNU_STACK\s.* RW /.test(segments) ? [] : ['GNU_STACK']),
  'has relocations that stay writable': ({ segments }) => (segments.includes('GNU_RELRO') ? [] : ['no GNU_RELRO']),
  'lets its loader find': ({ loaded }) => [...loaded.matchAll(/^(?:undefined symbol: (?!napi_)(\S+)|.*(\S+) => not found)/gm)].map(([line]) => line.trim()),
  'asks Node-API for nothing, by its loader': ({ loaded }) => (loaded.includes('undefined symbol: napi_') ? [] : ['no undefined symbol']),
};

/** The loader that an executable of that machine names. */
const loaders = { 'X86-64': '/lib64/ld-linux-x86-64.so.2', AArch64: '/lib/ld-linux-aarch64.so.1' };

/** Throws where an addon is not fit for other systems. `emulator` runs programs of its machine, where that is not this one. Returns what it saw. */
export async function checkPortable(file, emulator = []) {
  const read = async (command, ...options) => (await run(command, [...options, file])).stdout;
  const machine = /Machine:.*?(X86-64|AArch64)/.exec(await read('readelf', '--file-header'))?.[1];
  const sysroot = emulator.includes('-L') ? emulator[emulator.indexOf('-L') + 1] : '';
  const trace = ['LD_TRACE_LOADED_OBJECTS=1', 'LD_WARN=1', 'LD_BIND_NOW=1'];
  // An emulator, too, is a program with a loader: the variables are for the other one alone.
  const [command, ...loader] = [...(emulator.length > 0 ? [...emulator, ...trace.flatMap((one) => ['-E', one])] : ['env', ...trace]), `${sysroot}${loaders[machine]}`, resolve(file)];
  const { stdout, stderr } = await run(command, loader);
  const seen = {
    dynamic: await read('readelf', '--dynamic'),
    versions: await read('readelf', '--version-info'),
    symbols: (await read('nm', '--dynamic')).split('\n').filter(Boolean),
    sections: await read('readelf', '--sections'),
    segments: await read('readelf', '--program-headers', '--wide'),
    loaded: stdout + stderr,
  };
  const faults = Object.entries(checks).flatMap(([fault, look]) => {
    const found = look(seen);
    return found.length > 0 ? [`${fault}: ${found.join(', ')}`] : [];
  });
  if (faults.length > 0) throw new Error(`${file} is not fit for other systems: it ${faults.join('; it ')}`);
  return `${machine}: needs glibc 2.28 and nothing else; its loader finds all but ${(seen.loaded.match(/undefined symbol: napi_/g) ?? []).length} functions of Node-API`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await checkPortable(process.argv[2], process.argv.slice(3)));
