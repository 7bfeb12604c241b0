/**
 * Answers rows of a table over HTTP, by the model that train.ts has saved: a row as JSON gets a prediction, a wrong one what is wrong with it.
 *
 *     npx tsx --conditions=anneal-source examples/table/serve.ts --model build/examples/table/penguins.safetensors --port 8080
 *     curl -d '{"Island":"Biscoe","Sex":null,"Beak Length (mm)":46.1,"Beak Depth (mm)":13.2,"Flipper Length (mm)":211,"Body Mass (g)":4500}' localhost:8080
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { AnnealError, type data, loadModel } from 'anneal';

const { values } = parseArgs({ options: { model: { type: 'string', default: 'build/examples/table/penguins.safetensors' }, port: { type: 'string', default: '8080' } } });
const predictor = await loadModel(values.model);
const MOST_BYTES = 65_536;

async function rowOf(request: IncomingMessage): Promise<data.Row> {
  let text = '';
  for await (const piece of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += piece;
    if (text.length > MOST_BYTES) throw new SyntaxError(`the row is longer than ${MOST_BYTES} characters`);
  }
  return JSON.parse(text) as data.Row;
}

async function answer(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
  try {
    return [200, await predictor.row(await rowOf(request))];
  } catch (error) {
    // What the client got wrong: no JSON, a column that is not there, text for a number.
    if (error instanceof SyntaxError || error instanceof AnnealError) return [400, { error: error.message }];
    throw error;
  }
}

const server = createServer((request, response) => {
  answer(request).then(
    ([status, body]) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    () => response.writeHead(500).end(),
  );
});
server.listen(Number(values.port), () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
process.once('SIGTERM', () => server.close());
