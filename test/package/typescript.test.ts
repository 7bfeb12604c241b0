// The declarations, in strict projects of somebody else that have no types of Node.js. test/types/declarations.test.ts has a longer program.
import { describe, expect, inject, test } from 'vitest';
import { command, newProject, runNode, write } from './project.js';

const shared = inject('shared');
const folder = newProject({ folder: shared.installed }, 'typescript');
const PROGRAM = `
import { data, losses, metrics, nn, optim, Trainer } from 'anneal';

const points = data.fromArrays({ x: new Float32Array(4), y: Int32Array.of(0, 1), shape: [2], classes: undefined });
const model = nn.sequential([2], nn.linear(2, 3), nn.relu(), nn.linear(3, 2));
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: undefined }), metrics: [metrics.accuracy()] });
export const accuracy: Promise<number> = trainer.fit(points, { epochs: 1, batchSize: 2 }).then((history) => history.at(-1)!.accuracy);
// @ts-expect-error the model takes examples of [2]
nn.sequential([2], nn.linear(3, 2));
`;
write(folder, 'program.ts', PROGRAM);
write(folder, 'program.cts', PROGRAM);

const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false', '--target', 'es2022'];

describe.each(['typescript-5.6', 'typescript-5.9', 'typescript-7'])('%s', (name) => {
  const compile = async (...more: string[]): Promise<string> => {
    const { out, errors } = await runNode(command(name, 'tsc'), [...options, ...more], { cwd: folder, shared });
    return out + errors;
  };

  test('modules of Node.js', async () => expect(await compile('--module', 'nodenext', 'program.ts')).toBe(''));
  test('a bundler', async () => expect(await compile('--module', 'esnext', '--moduleResolution', 'bundler', 'program.ts')).toBe(''));

  test.skipIf(name === 'typescript-5.6')(`CommonJS${name === 'typescript-5.6' ? ' (skipped: it knows no require() of ES modules)' : ''}`, async () => {
    expect(await compile('--module', 'nodenext', 'program.cts')).toBe('');
  });
});
