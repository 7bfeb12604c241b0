// clang-format over everything in native/: says what differs, or with --write puts it right. The version is pinned,
// because versions format differently.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

// Not .def and .inc: tables, aligned by hand.
const files = ['native', 'bench/kernels'].flatMap((folder) =>
  readdirSync(folder, { recursive: true }).filter((name) => /\.(cc|h)$/.test(name)).map((name) => join(folder, name)),
);
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const run = spawnSync('clang-format-19', [...mode, ...files], { stdio: 'inherit' });
if (run.error) console.error('[anneal] clang-format-19 was not found: apt-get install clang-format-19');
process.exit(run.status ?? 1);
