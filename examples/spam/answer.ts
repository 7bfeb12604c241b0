/**
 * Says whether a mail is spam, by the model that examples/spam.ts has saved: in another process, which knows nothing of the mails that it was trained on.
 *
 *     npx tsx --conditions=anneal-source examples/spam/answer.ts --mail some.eml
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadMetadata, loadModel } from 'anneal';
import { bodyOf } from './mail.js';
import { contenders, type Contender } from './models.js';

const { values } = parseArgs({ options: { model: { type: 'string', default: 'build/examples/spam.safetensors' }, mail: { type: 'string' } } });
if (values.mail === undefined) throw new Error('say which mail: --mail some.eml');
const { contender, size } = await loadMetadata(values.model);
const predictor = await loadModel(values.model, { model: contenders[contender as Contender].model(Number(size)), target: 'category' });
const { label, probabilities } = await predictor.row({ text: await bodyOf(await readFile(values.mail)) });
console.log(`${label}, as the ${contender} says: spam with a probability of ${probabilities['spam']!.toFixed(3)}, where more than ${predictor.threshold!.toFixed(3)} is taken for it`);
