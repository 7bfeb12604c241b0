// What can be seen of Electron without running it: its download of itself is no package of the registry.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { PRINT, runNode, trained, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const addon = join(shared.installed, 'node_modules/anneal/prebuilds', `anneal-${process.platform}-${process.arch}.node`);

test('the addon uses Node-API alone, in a version that it states', () => {
  const bytes = readFileSync(addon, 'latin1');
  expect(bytes).not.toMatch(/_ZN2v8|node_module_register/);
  expect(bytes).toContain('node_api_module_get_api_version_v1');
});

const missing = process.platform === 'linux' && spawnSync('gcc', ['--version']).error === undefined ? '' : ' (skipped: not on Linux, or no gcc)';
test.skipIf(missing)(`a runtime that refuses buffers outside of its heap, as Electron does${missing}`, async () => {
  const folder = join(shared.folder, 'electron');
  mkdirSync(folder);
  // What Node.js exports itself cannot be replaced, so that the addon asks for a function of another name.
  const [name, other] = ['napi_create_external_arraybuffer', 'fake_create_external_arraybuffer'];
  const asking = join(folder, 'anneal.node');
  const patched = readFileSync(addon, 'latin1').replace(`\0${name}\0`, `\0${other}\0`);
  writeFileSync(asking, patched, 'latin1');
  const source = write(folder, 'refuse.c', `
    #include <unistd.h>
    int ${other}(void) { write(2, "refused\\n", 8); return 22; /* napi_no_external_buffers_allowed */ }`);
  const library = join(folder, 'refuse.so');
  execFileSync('gcc', ['-shared', '-fPIC', source, '-o', library]);
  const program = write(join(shared.installed, 'electron'), 'train.mjs', TRAIN_ESM + PRINT);
  const result = await runNode(program, [], { cwd: shared.installed, shared, env: { ANNEAL_ADDON: asking, LD_PRELOAD: library } });
  expect(result.errors).toMatch(/^(refused\n)+$/);
  expect(trained({ ...result, errors: '' }).weights).toBe(shared.weights);
});
