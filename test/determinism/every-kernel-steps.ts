// Trains every kernel (every-kernel.ts) for a few steps and writes all weights to a file, one behind the other, as float32.
// A process of its own for each target and thread count. Usage: tsx every-kernel-steps.ts <steps> <file>
import { writeFileSync } from 'node:fs';
import { everyKernel } from './every-kernel.js';

const [steps, file] = [Number(process.argv[2]), process.argv[3]!];
const { model, step } = everyKernel();
for (let i = 0; i < steps; i++) await step();
const weights = await Promise.all(model.parameters().map(async (parameter) => Buffer.from((await parameter.data()).buffer)));
writeFileSync(file, Buffer.concat(weights));
