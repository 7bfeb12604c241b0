import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** Scripts for processes of their own, each one file with all of the library in it: loaders of TypeScript take a second for its many modules. */
export class Compiled {
  readonly #folder: string;

  constructor() {
    // Inside the project, where packages and the addon are found.
    mkdirSync(join(root, '.cache'), { recursive: true });
    this.#folder = mkdtempSync(join(root, '.cache', 'compiled-'));
  }

  /** The file for Node.js. */
  async script(source: string): Promise<string> {
    const outfile = join(this.#folder, basename(source).replace(/\.m?ts$/, '.mjs'));
    const library = { anneal: join(root, 'src/index.ts') };
    await build({ entryPoints: [source], outfile, alias: library, bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20.19', keepNames: true, logLevel: 'error' });
    return outfile;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
