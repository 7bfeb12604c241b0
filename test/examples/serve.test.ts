// The server of examples/serve.ts in short form: rows, mistakes, another model, the end.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

// The references of eager mode are slow by design, and the example trains by fit().
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1').each(['here', 'worker'])('a server that trains %s', (train) => {
  const compiled = new Compiled();
  let folder: string;
  let server: ChildProcess;
  let base: string;
  const lines: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anneal-serve-'));
    const script = await compiled.script(join(import.meta.dirname, '../../examples/serve.ts'));
    server = spawn(process.execPath, [script, '--port', '0', '--train', train, '--threads', '1', '--rows', '2000', '--epochs', '4', '--width', '16', '--model', join(folder, 'loans.safetensors')], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: server.stdout! })) {
      lines.push(line);
      const port = /listening on (\d+), 1 threads/.exec(line)?.[1];
      if (port !== undefined) {
        base = `http://127.0.0.1:${port}`;
        break;
      }
    }
  });
  afterAll(async () => {
    compiled.remove();
    if (server.exitCode === null) server.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  const loan = { amount: 3000, months: 24, income: 2500, purpose: 'car' };
  const ask = async (path: string, body?: unknown): Promise<readonly [number, unknown]> => {
    const response = await fetch(base + path, body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
    return [response.status, await response.json()];
  };

  it('answers a row, rows, and mistakes', async () => {
    const [status, one] = await ask('/predict', loan);
    expect(status).toBe(200);
    expect(one).toEqual({ label: expect.stringMatching(/^(no|yes)$/) as unknown, index: expect.any(Number) as unknown, probability: expect.any(Number) as unknown, probabilities: { no: expect.any(Number) as unknown, yes: expect.any(Number) as unknown } });
    expect(await ask('/predict', [loan, { ...loan, income: null, purpose: 'boat' }])).toEqual([200, [one, expect.objectContaining({ label: expect.any(String) as unknown })]]);
    expect(await ask('/predict', { ...loan, purpose: undefined })).toEqual([400, { code: 'ANNEAL_INVALID_ARGUMENT', message: expect.stringContaining("the row has no column 'purpose'") as unknown }]);
    expect(await ask('/predict', { ...loan, amount: 'much' })).toEqual([400, { code: 'ANNEAL_DATA', message: expect.stringContaining("column 'amount': got 'much'") as unknown }]);
    expect(await ask('/predict', [])).toEqual([400, { code: 'ANNEAL_INVALID_ARGUMENT', message: expect.any(String) as unknown }]);
    expect((await ask('/predict', '{'))[0]).toBe(400);
    expect((await ask('/predict', '5'))[0]).toBe(400);
    expect((await ask('/other'))[0]).toBe(404);
  });

  it('trains the next model while it answers, and takes it', async () => {
    expect(await ask('/model')).toEqual([200, { generation: 1, training: false, threads: 1, metadata: { generation: '1' } }]);
    const [, before] = await ask('/predict', loan);
    const twice = await Promise.all([ask('/train', {}), ask('/train', {})]);
    expect(twice).toContainEqual([202, { generation: 2 }]);
    expect(twice).toContainEqual([409, { message: 'a model is being trained' }]);
    for (;;) {
      expect((await ask('/predict', loan))[0]).toBe(200);
      const [, model] = (await ask('/model')) as [number, { generation: number; training: boolean }];
      if (!model.training) {
        expect(model.generation).toBe(2);
        break;
      }
    }
    expect((await ask('/predict', loan))[1]).not.toEqual(before);
  });

  it('ends by SIGTERM in the middle of training', async () => {
    expect((await ask('/train', {}))[0]).toBe(202);
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
  });
});
