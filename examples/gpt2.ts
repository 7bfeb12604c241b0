/**
 * Writes with a GPT-2 of Hugging Face, of any size. Get the files of one, such as https://huggingface.co/openai-community/gpt2, into a folder: config.json, model.safetensors (548 MB) and tokenizer.json; `npm install @huggingface/tokenizers`
 * reads the last one. Then:
 *
 *     npm run example:gpt2 -- --model gpt2 --prompt 'Once upon a time'
 *     npm run example:gpt2 -- --model gpt2 --prompt 'Once upon a time' --lora adapter      # with additions that PEFT, or saveLora(), has saved
 *
 * Without tokenizer.json the prompt is a list of tokens, as in --prompt '464 3290', and so is what it writes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { load, loadLora, text } from 'anneal';
import { fromHuggingFace, Gpt2, type Gpt2Config } from './models/gpt2.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'gpt2' },
    lora: { type: 'string' },
    prompt: { type: 'string', default: 'Once upon a time' },
    write: { type: 'string', default: '100' },
    temperature: { type: 'string', default: '0.8' },
    seed: { type: 'string', default: '1' },
  },
});
const [configFile, tokenizerFile] = [join(values.model, 'config.json'), join(values.model, 'tokenizer.json')];
if (!existsSync(configFile)) {
  console.error(`${configFile} is not there. Give the folder of a GPT-2: --model folder. That of the Hub: https://huggingface.co/openai-community/gpt2`);
  process.exit(1);
}

const config = JSON.parse(readFileSync(configFile, 'utf8')) as Gpt2Config;
const model = new Gpt2(config).eval();
await model.loadStateDict(fromHuggingFace(await load(values.model)));
if (values.lora !== undefined) await (await loadLora(model, values.lora)).merge();

const tokenizer = existsSync(tokenizerFile) ? await text.fromTokenizerJson(tokenizerFile) : undefined;
const prompt = tokenizer === undefined ? values.prompt.split(' ').map(Number) : values.prompt;
process.stdout.write(values.prompt);
const started = performance.now();
let written = 0;
const stopTokens = config.eos_token_id === undefined ? undefined : [config.eos_token_id];
for await (const token of text.generate(model, prompt, { tokenizer, stopTokens, maxTokens: Number(values.write), temperature: Number(values.temperature), topK: 40, seed: Number(values.seed) })) {
  process.stdout.write(tokenizer === undefined ? ` ${token.token}` : token.text);
  written++;
}
console.log(`\n${(written / ((performance.now() - started) / 1000)).toFixed(0)} tokens/s`);
