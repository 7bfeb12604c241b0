// Compiles each header of native/kernels by itself, with the flags of each target that a build has, and names those that lean on what
// others include before them. References have other headers than kernels, and the verifiers again others.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './slots.mjs';

const kernels = join(dirname(dirname(fileURLToPath(import.meta.url))), 'native', 'kernels');
const simd = join(dirname(kernels), 'simd.h');

/** Headers of `file` and what they include, by way of quoted names. */
function closure(files) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^#include "(.+\.h)"$/gm)) visit(join(dirname(file), name));
  };
  files.forEach(visit);
  return [...found].filter((file) => !relative(kernels, file).startsWith('..'));
}

/** The file of that name of every family. */
const ofFamilies = (name) => readdirSync(kernels, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => join(kernels, entry.name, name));

const core = closure(ofFamilies('verify.h'));
const references = closure(ofFamilies('reference.h'));
const vectors = closure(ofFamilies('kernel.h'));

/** The compiler, its flags and the definitions of a target, without its files. */
function targetOf({ file, command }) {
  const flags = command.split(' ').filter((word) => /^-(I|D|O|f|m|std|W|isystem)/.test(word));
  return { compiler: command.split(' ')[0], flags, defines: (readFileSync(file, 'utf8').match(/^#define ANNEAL_(TARGET|LANES|REFERENCE)\b.*$/gm) ?? []).join('\n') };
}

/** Nine tenths of the time would go into the compiler's own header of intrinsics: compiled once, for all headers but simd.h, which has to include it. */
async function withIntrinsics(target, folder) {
  if (!target.compiler.endsWith('g++') || process.arch !== 'x64') return target;
  writeFileSync(join(folder, 'intrinsics.h'), '#include <immintrin.h>\n');
  await run(target.compiler, [...target.flags, '-x', 'c++-header', join(folder, 'intrinsics.h'), '-o', join(folder, 'intrinsics.h.gch')]);
  return { ...target, flags: [...target.flags, `-I${folder}`, '-include', 'intrinsics.h'] };
}

/** Says what is wrong with a header, if anything. */
async function check({ compiler, flags, defines }, file) {
  try {
    await run(compiler, [...flags, '-Wno-unused-function', '-Wno-unused-const-variable', '-fsyntax-only', '-x', 'c++', '-'], { input: `${defines}\n#include "${file}"\n` });
    return [];
  } catch (error) {
    return [`${relative(kernels, file)}: ${error.message}`];
  }
}

/** Throws where a header of native/kernels does not compile alone, or belongs to nothing. Returns what it saw. */
export async function checkHeaders(build) {
  const commands = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
  const all = readdirSync(kernels, { recursive: true }).filter((name) => /^(?!.*[\\/]test_).*\.h$/.test(name)).map((name) => join(kernels, name));
  const lost = all.filter((file) => ![core, references, vectors].some((list) => list.includes(file)));
  if (lost.length > 0) throw new Error(`headers that no family includes: ${lost.map((file) => relative(kernels, file)).join(', ')}`);
  const scratch = mkdtempSync(join(tmpdir(), 'anneal-headers-'));
  const targets = [];
  const work = commands.map(async (command) => {
    const name = /native\/targets\/(\w+)\.cc$/.exec(command.file)?.[1];
    const target = targetOf(command);
    if (command.file.endsWith('native/verify.cc')) return Promise.all(core.map((file) => check(target, file)));
    if (name === undefined) return [];
    targets.push(name);
    if (name === 'reference') return Promise.all(references.map((file) => check(target, file)));
    const prepared = await withIntrinsics(target, mkdtempSync(join(scratch, `${name}-`)));
    return Promise.all([check(target, simd), ...vectors.map((file) => check(prepared, file))]);
  });
  const failures = (await Promise.all(work)).flat(2);
  rmSync(scratch, { recursive: true });
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return `${all.length} headers compile by themselves: ${targets.join(', ')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await checkHeaders(process.argv[2]));
