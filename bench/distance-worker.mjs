// The other side of distance.ts: answers each odd number with the next even one, and sleeps in between.
import { parentPort, workerData } from 'node:worker_threads';

const { line, trips, asked } = workerData;
parentPort.postMessage('ready');
for (let seen = 0; ; seen++) {
  Atomics.wait(line, asked, seen);
  for (let i = 0; i < trips; i++) {
    while (Atomics.load(line, 0) !== 2 * i + 1);
    Atomics.store(line, 0, 2 * i + 2);
  }
}
