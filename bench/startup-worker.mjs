// A user's program up to the end of its first step, over 60,000 images in memory; plain JavaScript over dist/, as an application runs.
// Prints where the time went, in ms since the process began.
const at = {};
const mark = (what) => (at[what] = performance.now());

mark('node');
const { data, losses, nn, optim, seed } = await import('anneal');
mark('import');
// What the program has in memory anyway is not part of its start: the time that it takes is subtracted by the bench.
const x = new Uint8Array(60_000 * 784).fill(1);
const y = new Int32Array(60_000).fill(3);
mark('arrays');
const train = data.fromArrays({ x, y, shape: [784] });
mark('dataset');
seed(7);
const model = nn.sequential([784], nn.linear(784, 256), nn.relu(), nn.linear(256, 128), nn.relu(), nn.linear(128, 10));
const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
mark('model');
const loader = data.loader(train, { batchSize: 128, shuffle: true, seed: 1 });
for await (const [inputs, labels] of loader) {
  mark('first batch');
  const loss = losses.crossEntropy(model.forward(inputs), labels);
  optimizer.zeroGrad();
  loss.backward();
  await optimizer.step();
  mark('first step');
  break;
}
console.log(JSON.stringify(at));
