// Packs what is in dist/ and prebuilds/, once, installs the tools that the cells run, and makes the project that most cells share.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { install, newProject, type Shared, tools, train } from './project.js';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly shared: Shared;
  }
}

const root = join(import.meta.dirname, '../..');

/** Things that a clone makes, and the command for each. */
const MADE = {
  'dist/index.js': 'npm run build:dist',
  'build/Release/anneal.node': 'npm run build:addon',
  [`prebuilds/anneal-${process.platform}-${process.arch}.node`]: 'npm run build:prebuilds',
};

let folder = '';

export function teardown(): void {
  rmSync(folder, { recursive: true, force: true });
}

export async function setup({ provide }: TestProject): Promise<void> {
  for (const [file, command] of Object.entries(MADE)) {
    if (!existsSync(join(root, file))) throw new Error(`${file} is not there, which these tests pack or compare with: run ${command}`);
  }
  installTools();
  folder = mkdtempSync(join(tmpdir(), 'anneal-package-'));
  const shared = { ...registry(), folder, tarball: pack(folder), installed: join(folder, 'installed'), weights: '' };
  await install(newProject(shared, 'installed'), shared);
  const { weights } = await train({ folder: shared.installed, shared, env: { ANNEAL_ADDON: join(root, 'build/Release/anneal.node') } });
  provide('shared', { ...shared, weights });
}

/** Installs test/package/tools/package.json where it has changed. None of its install scripts runs: what a tool is, its package has. */
function installTools(): void {
  const wanted = readFileSync(join(root, 'test/package/tools/package.json'), 'utf8');
  const has = join(tools, 'installed.json');
  if (existsSync(has) && readFileSync(has, 'utf8') === wanted) return;
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), wanted);
  execFileSync('npm', ['install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: tools, stdio: 'inherit' });
  writeFileSync(has, wanted);
}

/** Registry of packages here, for tools that do not read npm's settings. */
function registry(): Pick<Shared, 'registry' | 'cache'> {
  const [url, cache] = ['registry', 'cache'].map((key) => execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim());
  return { registry: url!, cache: cache! };
}

/** Packs a copy, which has a stand-in for each platform whose binary was not made here: bundlers look for all that the loader names. */
function pack(folder: string): string {
  const copy = join(folder, 'package');
  const { files, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly files: readonly string[]; readonly exports: Readonly<Record<string, unknown>> };
  for (const part of [...files, 'package.json', 'README.md', 'LICENSE']) {
    const path = part.replace(/\/\*.*/, '');
    if (existsSync(join(root, path))) cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  for (const file of Object.values(exports)) {
    if (typeof file === 'string' && file.endsWith('.node') && !existsSync(join(copy, file))) writeFileSync(join(copy, file), `A stand-in for ${file}, which was not made here.\n`);
  }
  const name = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: copy, encoding: 'utf8' }).trim();
  return join(folder, name);
}
