// Folders of additions, as Hugging Face's PEFT keeps them: what is written, that it is the same when it is read, and what is refused. test/parity/gpt2.test.ts has folders that are not from here.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { load, loadLora, nn, save, saveLora, seed, tensor, type Tensor } from 'anneal';

class Small extends nn.Module {
  readonly embed = nn.embedding(7, 8);
  readonly block = nn.transformerEncoderLayer(8, 2, { dimFeedforward: 6, dropout: 0 });
  readonly lastHead = nn.linear(8, 4);
  override forward(x: Tensor): Tensor {
    return this.lastHead.forward(this.block.forward(this.embed.forward(x as never) as Tensor)) as Tensor;
  }
}
const small = (): Small => {
  seed(3);
  return new Small();
};
const tokens = tensor([[1, 2, 6], [0, 3, 3]], { dtype: 'int32' });

let folder: string;
let config: Record<string, unknown>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lora-'));
  const adapters = nn.lora(small(), { rank: 2, alpha: 5, dropout: 0.1, match: /./ });
  for (const [i, parameter] of adapters.parameters().entries()) parameter.initialize(nn.init.constant(0.1 * (i % 5) - 0.2));
  await saveLora(adapters, join(folder, 'saved'));
  config = JSON.parse(readFileSync(join(folder, 'saved/adapter_config.json'), 'utf8')) as Record<string, unknown>;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder with another configuration beside the tensors. */
function changed(changes: object | string, name = 'changed'): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'adapter_model.safetensors'), readFileSync(join(folder, 'saved/adapter_model.safetensors')));
  writeFileSync(join(path, 'adapter_config.json'), typeof changes === 'string' ? changes : JSON.stringify({ ...config, ...changes }));
  return path;
}

test('it has PEFT’s two files, with the names of PyTorch', async () => {
  expect(readdirSync(join(folder, 'saved')).toSorted()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  expect(config).toEqual({
    peft_type: 'LORA', r: 2, lora_alpha: 5, lora_dropout: 0.1, use_rslora: false, target_modules: ['embed', 'block.self_attn', 'block.linear1', 'block.linear2', 'last_head'],
    bias: 'none', fan_in_fan_out: false, inference_mode: true, base_model_name_or_path: null, task_type: null,
  });
  expect([...(await load(join(folder, 'saved/adapter_model.safetensors'))).keys()]).toContain('base_model.model.last_head.lora_B.weight');
});

test('read into another model, they do the same, with the same numbers', async () => {
  const [one, two] = [small(), small().eval()];
  const adapters = nn.lora(one, { rank: 2, alpha: 5, match: /./ });
  await adapters.loadStateDict(await load(join(folder, 'saved/adapter_model.safetensors')));
  const wanted = await one.forward(tokens).data();
  const same = await loadLora(two, join(folder, 'saved'));
  expect(await two.forward(tokens).data()).toEqual(wanted);
  expect(same.toJSON()).toEqual(config);
  expect(new Set(two.parameters().filter(({ requiresGrad }) => requiresGrad))).toEqual(new Set(same.parameters()));
  expect(await small().forward(tokens).data()).not.toEqual(wanted);
  // Dropout is as it was in training.
  expect(await two.train().forward(tokens).data()).not.toEqual(await two.forward(tokens).data());
});

test('what is saved again takes the place of what was there', async () => {
  const path = join(folder, 'again');
  for (const rank of [3, 2]) await saveLora(nn.lora(small(), { rank, match: 'lastHead' }), path);
  const adapters = await loadLora(small(), path);
  expect(adapters.toJSON()).toMatchObject({ r: 2, lora_alpha: 2, target_modules: ['last_head'] });
});

test.each<[string, object]>([
  ['a list by the ends of paths', { target_modules: ['last_head', 'linear1', 'linear2', 'self_attn', 'embed'] }],
  ['names in camel case', { target_modules: ['lastHead', 'linear1', 'linear2', 'selfAttn', 'embed'] }],
  ['a regular expression for all of a path', { target_modules: '(.*\\.)?(embed|self_attn|linear\\d|last_head)' }],
  ['settings of PEFT that change nothing', { bias: 'none', use_dora: false, modules_to_save: [], rank_pattern: {}, init_lora_weights: 'gaussian', task_type: 'CAUSAL_LM', megatron_core: 'megatron.core', exclude_modules: ['out_proj'] }],
])('PEFT’s configuration may have %s', async (_, changes) => {
  const model = small();
  const adapters = await loadLora(model, changed(changes));
  expect(adapters.parameters()).toHaveLength(12);
});

test('the table that PEFT keeps below additions to an embedding is taken over', async () => {
  const model = small();
  const path = changed({ target_modules: ['embed'] }, 'resized');
  const table = tensor(Float32Array.from({ length: 56 }, (_, i) => i / 56), { shape: [7, 8] });
  const own = [...(await load(join(folder, 'saved/adapter_model.safetensors')))].filter(([name]) => name.includes('embed'));
  await save(new Map<string, Tensor | (typeof own)[0][1]>([...own, ['base_model.model.embed.base_layer.weight', table]]), join(path, 'adapter_model.safetensors'));
  await loadLora(model, path);
  expect(await model.embed.weight.data()).toEqual(await table.data());
});

test.each<[object | string, string]>([
  ['{', 'is not a configuration of LoRA that can be read: it is no valid JSON ('],
  ['[]', 'it is no JSON object'],
  [{ peft_type: 'IA3' }, "its peft_type is 'IA3', expected 'LORA'"],
  [{ use_dora: true }, 'its use_dora is true, which nn.lora does not know, expected false'],
  [{ bias: 'all' }, "its bias is 'all', which nn.lora does not know, expected 'none'"],
  [{ rank_pattern: { head: 4 } }, 'its rank_pattern is {"head":4}, which nn.lora does not know, expected null'],
  [{ modules_to_save: ['score'] }, 'its modules_to_save is ["score"], which nn.lora does not know'],
  [{ init_lora_weights: 'pissa' }, "its init_lora_weights is 'pissa', which changes the weights below."],
  [{ r: 2 ** 40 }, 'its r is 1099511627776, expected at most '],
  [{ r: 0 }, 'its r is 0, expected a whole number of at least 1'],
  [{ lora_alpha: '8' }, "its lora_alpha is '8', expected a number"],
  [{ lora_dropout: 2 }, 'its lora_dropout is 2, expected a probability in [0, 1]'],
  [{ use_rslora: 1 }, 'its use_rslora is 1, expected true or false'],
  [{ target_modules: 7 }, 'its target_modules is 7, expected a list of names, or a regular expression'],
  [{ target_modules: '(' }, "its target_modules is '(', which is no regular expression here"],
  [{ target_modules: ['q_proj'] }, `[loadLora] target_modules: got ["q_proj"], which names none of ['embed', 'block.self_attn', 'block.self_attn.out_proj', 'block.linear1', 'block.linear2', 'last_head']. Make the model that the additions were trained on.`],
  [{ target_modules: ['embed'] }, "[loadLora] the additions are to other layers: it has 'base_model.model.block.linear1.lora_A.weight', "],
  [{ r: 4 }, "[loadLora] 'base_model.model.embed.lora_embedding_A' does not fit: got additions of rank 2, expected 4."],
])('%j is refused, and the model is as it was', async (changes, message) => {
  const model = small();
  await expect(loadLora(model, changed(changes))).rejects.toThrow(message);
  expect(model.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
  expect(model.modules().some((module) => module instanceof nn.LoraAdapter)).toBe(false);
});

test('a setting that is nested deeper than the stack is refused', async () => {
  const nested = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;
  await expect(loadLora(small(), changed(`{"peft_type":"LORA","bias":${nested}}`))).rejects.toThrow("its bias is an Array, which nn.lora does not know, expected 'none'");
});

test('errors of what is given', async () => {
  await expect(saveLora(small() as never, folder)).rejects.toThrow('[saveLora] adapters: got a Small, expected what nn.lora() gave. A model is saved by save(model, path).');
  await expect(loadLora({} as never, join(folder, 'saved'))).rejects.toThrow('[loadLora] model: got an Object, expected a module.');
  await expect(loadLora(small(), join(folder, 'nowhere'))).rejects.toThrow('ENOENT');
  await expect(loadLora(small(), join(folder, 'saved/adapter_model.safetensors'))).rejects.toThrow(/^\[loadLora\] folder: got the file .*adapter_model.safetensors, expected a folder with adapter_config.json and adapter_model.safetensors. A file that/);
  const busy = small();
  nn.lora(busy, { rank: 2, match: 'lastHead' });
  await expect(loadLora(busy, join(folder, 'saved'))).rejects.toThrow('[loadLora] lastHead.weight has an addition already.');
  class Tied extends nn.Module {
    readonly embed = nn.embedding(7, 8);
    readonly lastHead = nn.linear(8, 7, { weight: this.embed.weight });
    override forward(x: Tensor): Tensor {
      return x;
    }
  }
  await expect(loadLora(new Tied(), changed({ target_modules: ['embed'] }))).rejects.toThrow('[loadLora] target_modules: got ["embed"], which picks embed.weight, that layers share: merged, the addition would change all of them. Leave it out.');
});
