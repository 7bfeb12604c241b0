#!/usr/bin/env node
// The command of the package: what runs here, a build of the native addon from source, a first training, and what is in a file.
import { parseArgs } from 'node:util';
import { build } from './build.js';
import { inspect } from './inspect.js';
import { demo } from './demo.js';
import { printInfo } from './print-info.js';
import { version } from './package.js';

const HELP = `anneal trains neural networks inside Node.js at native speed.

    anneal info [--json]     what runs here: version, binary, CPU, threads and why so many, speed of arithmetic and memory
    anneal build [--force]   builds the native addon from source; needs make, Python 3 and a C++20 compiler
    anneal demo              trains a first model, on data that it makes, and says what to write next
    anneal inspect <file or directory> [--json]
                             what is in a checkpoint, or in any safetensors file: step, epoch, loss, the model, every tensor; of a directory: its checkpoints
    anneal --version
    anneal --help
`;

const OPTIONS = {
  json: { type: 'boolean' },
  force: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

/** The options that each command takes. */
const COMMANDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['info', ['json']],
  ['build', ['force', 'verbose']],
  ['demo', []],
  ['inspect', ['json']],
]);

/** Ends with what was wrong and what there is. */
function refuse(reason: string): never {
  process.stderr.write(`anneal: ${reason}\n\n${HELP}`);
  process.exit(2);
}

function parsed() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { values, positionals } = parsed();
const [command, ...rest] = positionals;

if (values.version === true) process.stdout.write(`${version}\n`);
else if (values.help === true || command === 'help') process.stdout.write(HELP);
else {
  if (command === undefined) refuse('got no command.');
  const known = COMMANDS.get(command);
  if (known === undefined) refuse(`got the command '${command}', expected one of ${[...COMMANDS.keys()].join(', ')}.`);
  if (command === 'inspect' && rest.length !== 1) refuse(`inspect got ${rest.length} paths, expected one, of a file or a directory.`);
  if (command !== 'inspect' && rest.length > 0) refuse(`${command} got '${rest[0]}', expected nothing behind it.`);
  const foreign = Object.keys(values).find((option) => !known.includes(option));
  if (foreign !== undefined) refuse(`${command} does not know --${foreign}.`);
  if (command === 'build') build(values.force === true, values.verbose === true);
  else if (command === 'demo') await demo();
  else if (command === 'inspect') await inspect(rest[0]!, values.json === true);
  else await printInfo(values.json === true);
}
