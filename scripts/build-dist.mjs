// Makes dist/ of src/, from nothing: declarations, and all of the JavaScript in one file, because Node.js takes longer to find and
// link a hundred modules than to run them.
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
rmSync(join(root, 'dist'), { recursive: true, force: true });

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const declarations = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (declarations.status !== 0) process.exit(declarations.status ?? 1);

const options = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  write: false,
  logLevel: 'warning',
};
await write('index', { entryPoints: [join(root, 'src', 'index.ts')], conditions: ['anneal-source'] });
// The command is a user of the library.
await write('cli', { entryPoints: [join(root, 'src', 'cli', 'index.ts')] });

/**
 * Writes dist/<name>.js. An import takes as long as V8 takes to read it: without spaces, but with short lines, as Node.js shows the one that threw. Classes and functions of modules
 * have the names that messages call them by: keepNames would give one to every closure, each time that it is made.
 */
async function write(name, particulars) {
  const text = async (keepNames) => (await build({ ...options, ...particulars, keepNames })).outputFiles[0].text;
  const { code } = await transform(`${await text(false)}\n${giveNames(renamed(await text(true)))}`, {
    format: 'esm', target: options.target, minifyWhitespace: true, minifySyntax: true, lineLimit: 160,
  });
  await writeFile(join(root, 'dist', `${name}.js`), code, { mode: code.startsWith('#!') ? 0o755 : 0o644 });
}

/** Classes and functions of modules that esbuild calls otherwise than their sources, by what it calls them: it says so in a bundle that keeps names. */
function renamed(bundle) {
  const functions = [...bundle.matchAll(/^__name\((\w+), "(\w+)"\);$/gm)].map(([, variable, name]) => [variable, name, variable]);
  const classes = [...bundle.matchAll(/^(?:var (\w+) = )?class(?: (\w+))?(?: extends .+)? \{\n {2}static \{\n {4}__name\(this, "(\w+)"\);$/gm)].map(
    ([, variable, inner, name]) => [variable ?? inner, name, inner ?? variable],
  );
  return [...functions, ...classes].filter(([, name, found]) => name !== found);
}

function giveNames(renamed) {
  const pairs = renamed.map(([variable, name]) => `[${variable}, '${name}']`);
  return `for (const [value, name] of [${pairs.join(', ')}]) Object.defineProperty(value, 'name', { value: name, configurable: true });\n`;
}

// The package has it among its sources (build-addon.mjs says why).
copyFileSync(join(root, 'binding.gyp'), join(root, 'native', 'binding.gyp'));
