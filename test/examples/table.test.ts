// The example of tables, in a short form on data of the same format: it trains, another process answers a row, and a server does so over HTTP.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const count = 200;
const numbers = Array.from({ length: count }, (_, i) => i);
const penguins = numbers.map((i) => ({ 'Species': ['Adelie', 'Chinstrap', 'Gentoo'][i % 3], 'Island': ['Biscoe', 'Dream'][i % 2], 'Beak Length (mm)': i % 11 === 0 ? null : 38 + 5 * (i % 3), 'Beak Depth (mm)': 18, 'Flipper Length (mm)': 180 + 10 * (i % 3), 'Body Mass (g)': 3500 + 500 * (i % 3), 'Sex': i % 20 === 0 ? '.' : 'MALE' }));
const cars = numbers.map((i) => ({ Name: `car ${i}`, Miles_per_Gallon: i % 50 === 0 ? null : 40 - (i % 25), Cylinders: 4, Displacement: 300, Horsepower: 60 + (i % 25), Weight_in_lbs: 2000 + 100 * (i % 25), Acceleration: 12, Year: `19${70 + (i % 12)}-01-01`, Origin: 'USA' }));

// The references of eager mode are slow by design.
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1')('the example of tables', () => {
  const compiled = new Compiled();
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-table-example-'));
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/penguins.json'), JSON.stringify(penguins));
    writeFileSync(join(folder, 'data/cars.json'), JSON.stringify(cars));
    const columns = { delay: Int16Array.from(numbers, (i) => (i % 3 === 0 ? 60 : 0)), distance: Int16Array.from(numbers, (i) => 100 + i), time: Float32Array.from(numbers, (i) => i / 10) };
    writeFileSync(join(folder, 'data/flights-200k.arrow'), tableToIPC(tableFromArrays(columns)));
  });
  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true });
  });
  const script = (name: string): Promise<string> => compiled.script(join(root, 'examples/table', name));

  it('trains, answers a row in another process, and over HTTP', { timeout: 120_000 }, async () => {
    const trained = spawnSync(process.execPath, [await script('train.ts'), '--data', join(folder, 'data'), '--epochs', '20', '--out', join(folder, 'out')], { cwd: root, encoding: 'utf8' });
    expect(trained.status, trained.stderr).toBe(0);
    for (const text of ['penguins: ', '4 cars are left out', 'cars: ', 'flights: ', 'gradient boosting', 'rocAuc']) expect(trained.stdout).toContain(text);

    const model = join(folder, 'out/penguins.safetensors');
    const answered = spawnSync(process.execPath, [await script('predict.ts'), '--model', model, '--rounds', '100'], { encoding: 'utf8' });
    expect(answered.stdout, answered.stderr).toMatch(/label: '(Adelie|Chinstrap|Gentoo)'[\s\S]*one row: [\d.]+ µs at the median/);

    const server = spawn(process.execPath, [await script('serve.ts'), '--model', model, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [started] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string];
      const post = async (body: string): Promise<readonly [number, { readonly label?: string; readonly error?: string }]> => {
        const response = await fetch(`http://localhost:${/listening on (\d+)/.exec(started)![1]}`, { method: 'POST', body });
        return [response.status, (await response.json()) as object];
      };
      const { Species, ...row } = penguins[1]!;
      expect(await post(JSON.stringify(row))).toEqual([200, expect.objectContaining({ label: Species })]);
      expect(await post(JSON.stringify({ ...row, Sex: undefined, sex: 'MALE' }))).toEqual([400, { error: expect.stringContaining("the row has no column 'Sex'") as string }]);
      expect((await post('{'))[0]).toBe(400);
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      server.kill('SIGKILL');
    }
  });
});
