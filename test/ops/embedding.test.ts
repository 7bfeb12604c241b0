// The lookup of tokens: what it says where they are wrong, and that padding gets no gradient.
import { describe, expect, test } from 'vitest';
import { data, embedding, IndexError, nn, Parameter, tensor, type Tensor } from 'anneal';

const table = (): Parameter => new Parameter([3, 2], () => tensor([[1, 2], [3, 4], [5, 6]]));
/** Elements of what is recorded; eager mode throws while it records. */
const run = async (call: () => Tensor): Promise<unknown> => call().data();
const tokens = (values: number[] | number[][]) => tensor(values as number[], { dtype: 'int32' });

class Table extends nn.Module {
  readonly weight = table();
  constructor(readonly options: { paddingIdx?: number } = {}) {
    super();
  }
  override forward(x: never) {
    return embedding(x, this.weight, this.options);
  }
}

describe('embedding', () => {
  test('gives the rows that tokens name', async () => {
    expect(await embedding(tokens([[2, 0], [1, 2]]), table()).array()).toEqual([[[5, 6], [1, 2]], [[3, 4], [5, 6]]]);
  });

  test('adds the gradients of a token that comes twice, and none of padding', async () => {
    const plain = new Table();
    plain.parameters();
    plain.forward(tokens([0, 2, 2]) as never).sum().backward();
    expect(await plain.weight.grad!.array()).toEqual([[1, 1], [0, 0], [2, 2]]);
    const padded = new Table({ paddingIdx: -1 });
    padded.parameters();
    padded.forward(tokens([[0, 2], [2, 1]]) as never).sum().backward();
    expect(await padded.weight.grad!.array()).toEqual([[1, 1], [1, 1], [0, 0]]);
  });

  test('names the position of a token that is out of range', async () => {
    const error = await run(() => embedding(tokens([[0, 1, 2], [0, 3, 1]]), table())).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IndexError);
    expect(String(error)).toBe(
      'IndexError: [embedding] token out of range at row 1, position 1: got 3, expected an integer in [0, 3). The table has 3 rows: encode the text with the vocabulary that the model was made for, or make the embedding as large as the vocabulary.',
    );
    await expect(run(() => embedding(tokens([0, -1]), table()))).rejects.toThrow('[embedding] token out of range at position 1: got -1, expected');
  });

  test('names the example of a dataset', async () => {
    const texts = data.fromArrays({ x: Int32Array.of(0, 1, 2, 0, 1, 7), y: [0, 1], shape: [3], name: 'poems' });
    for await (const [x] of data.loader(texts, { batchSize: 2 })) {
      await expect(run(() => embedding(x, table()))).rejects.toThrow("[embedding] token out of range at example 1 of dataset 'poems' (epoch 0, step 0, row 1 of the batch), position 2: got 7, expected an integer in [0, 3)");
    }
  });

  test.each<[() => unknown, string]>([
    [() => embedding(tensor([1.5]) as never, table()), '[embedding] tokens has the wrong dtype: got float32 [1], expected int32.'],
    [() => embedding(tokens([1]), tensor([1, 2])), '[embedding] the weight is no table: got [2], expected [numEmbeddings, embeddingDim]. Use gather for other shapes.'],
    [() => embedding(tokens([1]), table(), { paddingIdx: 3 }), '[embedding] paddingIdx: got 3, expected a whole number in [-3, 3), a token of the table.'],
    [() => embedding(tokens([1]), table(), { padding: 0 } as never), '[embedding] unknown option: got padding, expected one of paddingIdx.'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});
