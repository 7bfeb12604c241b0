import { losses, nn, optim, seed, tensor, type Tensor } from 'anneal';

/** A small classifier with its optimizer, and batches of made-up data. */
export function classifier(options: { lr?: number | ((step: number) => number); features?: number } = {}) {
  seed(5);
  const features = options.features ?? 6;
  const model = nn.sequential([features as number], nn.linear(features as number, 8), nn.tanh(), nn.linear(8, 3));
  const optimizer = optim.adam(model.parameters(), { lr: options.lr ?? 0.01 });
  const batch = (size: number, salt = 0) => ({
    x: tensor(Float32Array.from({ length: size * features }, (_, i) => Math.sin(i + salt)), { shape: [size, features] }),
    labels: tensor(Int32Array.from({ length: size }, (_, i) => (i + salt) % 3), { shape: [size] }),
  });
  const lossOn = (size: number, salt = 0): Tensor<readonly [], 'float32'> => {
    const { x, labels } = batch(size, salt);
    return losses.crossEntropy(model.forward(x), labels);
  };
  const weights = async (): Promise<Float32Array[]> => Promise.all(model.parameters().map((parameter) => parameter.data() as Promise<Float32Array>));
  return { model, optimizer, batch, lossOn, weights };
}

/** The error that `action` throws or rejects with. */
export async function failure(action: () => unknown): Promise<Error & { code?: string; cause?: unknown }> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, but there was none');
}
