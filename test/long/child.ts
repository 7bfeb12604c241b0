// Runs the subject in a process of its own: node child.mjs <directory> <epochs> <everySteps>. Says when it begins, and from which step; and at the end the hash.
import { run } from './subject.js';

const [dir, epochs, everySteps] = process.argv.slice(2);
const hash = await run({ dir, epochs: Number(epochs), everySteps: Number(everySteps), begins: (step) => void process.stdout.write(`begins ${step}\n`) });
process.stdout.write(`ends ${hash}\n`);
