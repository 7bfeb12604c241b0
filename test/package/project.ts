// New projects of users, and what is run in them: without a compiler, make or Python on the PATH, and none of this clone's settings.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse } from 'node:path';
import { expect } from 'vitest';

/** Folder in which test/package/tools/package.json is installed, from one run of the tests to the next. */
export const tools = join(import.meta.dirname, '../../.cache/package-tools');
export const requireTool = createRequire(join(tools, 'package.json'));

/** Things that setup.ts makes for all cells. */
export interface Shared {
  readonly folder: string;
  readonly tarball: string;
  /** A project that npm 11 installed the tarball in, under the oldest Node.js. Cells that need no install of their own put files in folders there. */
  readonly installed: string;
  readonly registry: string;
  readonly cache: string;
  /** The SHA-256 of the weights that the source build leaves. */
  readonly weights: string;
}

export const NODES = ['node-20', 'node-22', 'node-24', 'node-26'] as const;
export type NodeName = (typeof NODES)[number];

/** The folder of a tool's package; undefined where there is none for this platform. */
export function toolFolder(name: string): string | undefined {
  const folder = join(tools, 'node_modules', name);
  return existsSync(folder) ? folder : undefined;
}

/** Reason why a cell is skipped whose tool is not there, for its title; empty where it is there. */
export const lacks = (name: string): string => (toolFolder(name) === undefined ? ` (skipped: no package ${name} for this platform)` : '');

/** A Node.js of the tools, or that which runs the tests. */
export function nodeBinary(name: NodeName = 'node-20'): string {
  const folder = toolFolder(name);
  return folder === undefined ? process.execPath : join(folder, 'bin/node');
}

/** The file that a tool's package.json says its command is. */
export function command(name: string, bin?: string): string {
  const folder = toolFolder(name)!;
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly bin: string | Readonly<Record<string, string>> };
  return join(folder, typeof manifest.bin === 'string' ? manifest.bin : (bin === undefined ? Object.values(manifest.bin)[0]! : manifest.bin[bin]!));
}

/** Makes a folder with a package.json, by default one of ES modules. */
export function newProject(shared: Pick<Shared, 'folder'>, title: string, manifest: object = { type: 'module' }): string {
  const folder = join(shared.folder, title);
  write(folder, 'package.json', JSON.stringify({ name: 'app', private: true, ...manifest }, undefined, 2));
  return folder;
}

export function write(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** A folder with a Node.js and a shell, to be all of a PATH. */
export function bareBin(shared: Pick<Shared, 'folder'>, node: NodeName): string {
  const folder = join(shared.folder, `bin-${node}`);
  if (!existsSync(folder)) {
    mkdirSync(folder);
    symlinkSync(nodeBinary(node), join(folder, 'node'));
    symlinkSync('/bin/sh', join(folder, 'sh'));
  }
  return folder;
}

export interface Options {
  readonly cwd: string;
  readonly shared: Omit<Shared, 'weights'>;
  readonly node?: NodeName | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface Ran {
  readonly out: string;
  readonly errors: string;
  /** The exit code, or the signal. */
  readonly ended: number | string;
}

/** Runs a program, in an environment that has the way to the registry and nothing else of this one. */
export function run(program: string, args: readonly string[], { cwd, shared, node = 'node-20', env }: Options): Promise<Ran> {
  const passed = Object.entries(process.env).filter(([key]) => /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i.test(key));
  const { registry, cache } = shared;
  const all = {
    ...Object.fromEntries(passed),
    PATH: bareBin(shared, node), HOME: join(shared.folder, 'home'), CI: '1', NO_COLOR: '1',
    npm_config_registry: registry, npm_config_cache: cache, npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false',
    ...env,
  };
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, env: all, maxBuffer: 1 << 26, timeout: 110_000 }, (error, out, errors) => {
      if (error !== null && child.exitCode === null && child.signalCode === null) errors += error.message;
      resolve({ out, errors, ended: child.signalCode ?? child.exitCode ?? 'not started' });
    });
  });
}

/** Runs a file by Node.js. */
export const runNode = (file: string, args: readonly string[], options: Options): Promise<Ran> => run(nodeBinary(options.node), [file, ...args], options);

/** Runs what has to end well; what it prints. */
export async function succeeds(ran: Promise<Ran>): Promise<string> {
  const { out, errors, ended } = await ran;
  if (ended !== 0) throw new Error(`ended with ${ended}\n${out}\n${errors}`);
  return out;
}

/** Installs the tarball by npm 11, and nothing that runs scripts. */
export async function install(folder: string, shared: Omit<Shared, 'weights'>): Promise<void> {
  await succeeds(runNode(command('npm-11', 'npm'), ['install', '--ignore-scripts', shared.tarball], { cwd: folder, shared }));
}

/**
 * A training of ten steps, of which each has parts that run on native threads and data in native memory. Prints the addon and the SHA-256 of the
 * weights. Without functions of Math, whose last bits are an engine's own.
 */
const TRAINING = `
async function train() {
  seed(7);
  const x = Float32Array.from({ length: 256 * 128 }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  const points = data.fromArrays({ x, y: Int32Array.from({ length: 256 }, (_, i) => (i * i) % 10), shape: [128] });
  const model = nn.sequential([128], nn.linear(128, 256), nn.relu(), nn.linear(256, 10));
  const optimizer = optim.adam(model.parameters(), { lr: 1e-2 });
  for (let epoch = 0; epoch < 2; epoch++) {
    for await (const [inputs, labels] of data.loader(points, { batchSize: 50, shuffle: true, seed: 1, dropLast: true })) {
      optimizer.zeroGrad();
      losses.crossEntropy(model.forward(inputs), labels).backward();
      await optimizer.step();
    }
  }
  const hash = createHash('sha256');
  for (const parameter of model.parameters()) hash.update(new Uint8Array((await parameter.data()).buffer));
  return JSON.stringify({ binary: info().binary, weights: hash.digest('hex') });
}
`;
const NAMES = '{ data, info, losses, nn, optim, seed }';

export const TRAIN_ESM = `import { createHash } from 'node:crypto';\nimport ${NAMES} from 'anneal';\n${TRAINING}`;
export const TRAIN_CJS = `const { createHash } = require('node:crypto');\nconst ${NAMES} = require('anneal');\n${TRAINING}`;
export const PRINT = 'train().then(console.log);\n';

export interface Trained {
  /** The addon that was loaded. */
  readonly binary: string;
  readonly weights: string;
}

/** Output of a program that trained; it prints nothing else. */
export function trained({ out, errors, ended }: Ran): Trained {
  expect({ errors, ended }).toEqual({ errors: '', ended: 0 });
  return JSON.parse(out) as Trained;
}

/** Trains in a project by Node.js. */
export async function train(options: Omit<Options, 'cwd'> & { readonly folder: string; readonly cjs?: boolean }): Promise<Trained> {
  const file = options.cjs === true ? write(options.folder, 'train.cjs', TRAIN_CJS + PRINT) : write(options.folder, 'train.mjs', TRAIN_ESM + PRINT);
  return trained(await runNode(file, [], { ...options, cwd: options.folder }));
}

/** Holds a training to the bits of all others, and to the addon of a project's own installed package. */
export function expectTrained(result: Trained, shared: Shared, project: string): void {
  expect(result.weights).toBe(shared.weights);
  expect(result.binary).toContain(project);
  expect(parse(result.binary).base).toBe(`anneal-${process.platform}-${process.arch}.node`);
}
