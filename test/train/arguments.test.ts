// What Trainer and fit() are given by mistake, and what they say of it.
import { expect, test } from 'vitest';
import { losses, metrics, nn, optim, tensor, train as training, Trainer } from 'anneal';
import { blobs, classifier } from './classifier.js';
import { fails, refuses } from '../nn/fails.js';

const points = blobs(40, 1);
const loss = losses.crossEntropy;

test('callbacks that would never be told', async () => {
  const trainer = new Trainer(...parts());
  const fitting = (callbacks: unknown) => trainer.fit(points, { callbacks: callbacks as training.Callback });
  await fails(fitting([training.earlyStopping]), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] callbacks\[0\]: got the function earlyStopping, expected an object such as .* Call the function that makes it, as in train\.progress\(\)\.$/);
  await fails(fitting(null), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] callbacks\[0\]: got null, expected an object such as/);
  await fails(fitting([{}, { onEpochend() {} }]), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] callbacks\[1\]: got onEpochend, expected one of onFitStart, .*, onFitEnd\. Did you mean onEpochEnd\?$/);
  await fails(fitting({ onStep: 3 }), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] callbacks\[0\]: got onStep: 3, expected a function of the event\.$/);
  class Watching {
    onEpochEnds(): void {}
  }
  await fails(fitting(new Watching()), 'ANNEAL_INVALID_ARGUMENT', /Did you mean onEpochEnd\?$/);
});

test('callbacks with fields and methods of their own, and events left undefined', async () => {
  class Counting {
    ends = 0;
    online = true;
    onStep = undefined as never;
    onEpochEnd(): void {
      this.ends++;
    }
    once(): void {}
  }
  const counting = new Counting();
  await new Trainer(...parts()).fit(points, { epochs: 2, callbacks: counting });
  expect(counting.ends).toBe(2);
});

test('an optimizer of another model', () => {
  const { model } = classifier();
  const { optimizer } = classifier();
  refuses(() => new Trainer(model, { loss, optimizer }), 'ANNEAL_INVALID_ARGUMENT', /^\[Trainer\] optimizer: got one of 4 parameters, none of which is this model's, expected one over the model's\. Make it of them: optim\.adam\(model\.parameters\(\)\)\.$/);
  const head = optim.adam(model.parameters().slice(2));
  expect(new Trainer(model, { loss, optimizer: head }).optimizer).toBe(head);
  refuses(() => new Trainer(nn.sequential([2], nn.relu()), { loss, optimizer }), 'ANNEAL_INVALID_ARGUMENT', /^\[Trainer\] the model: got one without parameters/);
});

test('a loss that was called, and no options', () => {
  const [model] = parts();
  refuses(() => losses.huber({ delta: 0.5 } as never, undefined as never), 'ANNEAL_INVALID_ARGUMENT', /^\[huber\] outputs: got an Object, expected a tensor\. To a Trainer give the function, without calling it: \{ loss: losses\.huber \}; its options by losses\.huber\.with\(\{ \.\.\. \}\)\.$/);
  refuses(() => new Trainer(model, undefined as never), 'ANNEAL_INVALID_ARGUMENT', /^\[Trainer\] options: got none, expected an object such as \{ loss: \.\.\. \}\.$/);
});

test('too few class weights, and more of the best classes than there are', async () => {
  const [model, { optimizer }] = parts();
  await fails(new Trainer(model, { loss, optimizer }).fit(points, { classWeights: [1] }), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] classWeights: got 1, expected one a class: the data has 2 of them\.$/);
  await fails(new Trainer(model, { loss, optimizer, metrics: [metrics.topK(5)] }).evaluate(points), 'ANNEAL_INVALID_ARGUMENT', /^\[topK\] k: got 5 of 2 classes, expected at most as many/);
});

test('a monitor as another library calls it', async () => {
  const fitting = (monitor: string, options = {}) => new Trainer(...parts()).fit(points, { ...options, callbacks: training.earlyStopping({ monitor }) });
  await fails(fitting('val_loss', { validation: points }), 'ANNEAL_INVALID_ARGUMENT', /^\[train\.earlyStopping\] monitor: got 'val_loss', expected one of loss, validation\.loss\. Did you mean 'validation\.loss'\?$/);
  await fails(fitting('val_loss'), 'ANNEAL_INVALID_ARGUMENT', /Give fit\(\) validation data\.$/);
});

test('a controller in place of its signal', async () => {
  const trainer = new Trainer(...parts());
  await fails(trainer.fit(points, { signal: new AbortController() as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[fit\] signal: got an AbortController, expected an AbortSignal, as in \{ signal: controller\.signal \}\.$/);
  await fails(trainer.evaluate(points, { signal: null as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[evaluate\] signal: got null/);
});

test('arrays in place of tensors', () => {
  const [model] = parts();
  refuses(() => model.forward([[1, 2]] as never), 'ANNEAL_INVALID_ARGUMENT', /^\[sequential\] the input: got an Array, expected a tensor with the batch in front\. Make one: tensor/);
  refuses(() => loss(model.forward(tensor([[1, 2]])), [1] as never), 'ANNEAL_INVALID_ARGUMENT', /^\[crossEntropy\] targets: got an Array, expected a tensor\. Make one: tensor/);
});

test('what stands in messages is short, and tells text from numbers', async () => {
  const [model, { optimizer }] = parts();
  refuses(() => new Trainer(model, { loss, optimizer: optim.adam as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[Trainer\] optimizer: got the function adam, expected an optimizer/);
  refuses(() => new Trainer(model, { loss, optimizer, metrics: metrics.accuracy() as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[Trainer\] metrics: got an Object, expected an array, as in \[metrics\.accuracy\(\)\]\.$/);
  refuses(() => optim.adam(model.parameters(), { lr: '0.1' as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[adam\] lr: got '0\.1', expected a number or a function of the step/);
  refuses(() => optim.adam(model.parameters(), { average: optim.lookahead as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[adam\] average: got the function lookahead, expected an average of weights/);
  await fails(new Trainer(model, { loss, optimizer }).fit(points, { batchSize: '32' as never }), 'ANNEAL_INVALID_ARGUMENT', /^\[data\.loader\] batchSize: got '32', expected an integer of at least 1\.$/);
});

function parts() {
  const { model, optimizer } = classifier();
  return [model, { loss, optimizer }] as const;
}
