// Writes small programs of every op and every rule of the optimizers, as the compiler makes them, for native/fuzz/verify.cc to spoil: a
// file each, named for its words, so that the same one is written once.
//
//     tsx --conditions=anneal-source scripts/fuzz-seeds.ts <folder>
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { losses, nn, optim, tensor } from 'anneal';
import { outputOf, withoutTracking } from '../src/graph/recorder.js';
import { everyOp } from '../src/ops/registry.js';
import { loadNative } from '../src/runtime/binding.js';
import { evaluate } from '../src/runtime/oracle.js';
import { operation } from '../test/ops/operands.js';

const MOST_WORDS = 2048;
const EXAMPLES = 6;
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected a folder');

let written = 0;
// Methods of a native class cannot be replaced.
const { addon } = loadNative();
const NativeSession = addon.Session;
class RecordedSession extends NativeSession {
  override load(words: Uint32Array): number {
    if (words.length <= MOST_WORDS) {
      const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      writeFileSync(join(folder!, `program-${createHash('sha1').update(bytes).digest('hex').slice(0, 16)}`), bytes);
      written++;
    }
    return super.load(words);
  }
}
Object.assign(addon, { Session: RecordedSession });

for (const op of everyOp.filter(({ kind }) => kind !== 'leaf' && kind !== 'output' && kind !== 'effect')) {
  for (const example of op.examples().slice(0, EXAMPLES)) {
    const { output } = withoutTracking(() => operation(op, example));
    for (const result of [output, ...output.more.map((_, i) => outputOf(output, i + 1))]) {
      try {
        evaluate(result, { fuse: true });
      } catch {
        // An example whose values fail has made its program, too.
      }
    }
  }
}

const optimizers = [optim.sgd, optim.adam, optim.adamw, optim.rmsprop, optim.adagrad, optim.adadelta, optim.adamax, optim.nadam, optim.radam, optim.lion, optim.lamb, optim.asgd, optim.rprop];
for (const make of optimizers) {
  const model = nn.sequential([3], nn.linear(3, 4), nn.batchNorm1d(4), nn.relu(), nn.dropout(0.1), nn.linear(4, 2));
  const optimizer = make(model.parameters(), { lr: 0.01 } as never);
  losses.crossEntropy(model.forward(tensor([[1, 2, 3], [4, 5, 6]])), tensor([0, 1], { dtype: 'int32' })).backward();
  await optimizer.step();
}
for (const make of [optim.sgd, optim.adagrad, optim.sparseAdam]) {
  const tagger = nn.sequential([3], nn.embedding(9, 5, { sparse: true }), nn.flatten(), nn.linear(15, 2));
  const optimizer = make(tagger.parameters(), { lr: 0.01, clip: { norm: 1 } });
  losses.crossEntropy(tagger.forward(tensor([[1, 2, 2], [4, 0, 8]], { dtype: 'int32' })), tensor([0, 1], { dtype: 'int32' })).backward();
  await optimizer.step();
}
console.log(`${written} programs`);
