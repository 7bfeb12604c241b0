/**
 * Answers rows over HTTP by a model from a file, and trains the next one while it answers, in the same thread or in a worker.
 *
 *     npm run example:serve                                    # opens loans.safetensors, or trains a first model; answers on port 8080
 *     npm run example:serve -- --port 0 --train worker --threads 1
 *     curl -d '{"amount": 3000, "months": 24, "income": 2500, "purpose": "car"}' localhost:8080/predict
 *     curl -X POST localhost:8080/train                        # predictions go on; the new model takes the old one's place when it is there
 *     curl localhost:8080/model
 *
 * SIGTERM and SIGINT: no new connections, what is asked for is answered, training stops after its step, exit 0.
 */
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { AnnealError, info, loadMetadata, loadModel, setThreads } from 'anneal';
import { trainNext, type TrainOptions } from './serve/train.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'loans.safetensors' },
    port: { type: 'string', default: '8080' },
    train: { type: 'string', default: 'worker' },
    threads: { type: 'string', default: '' },
    rows: { type: 'string', default: '20000' },
    epochs: { type: 'string', default: '20' },
    width: { type: 'string', default: '256' },
    out: { type: 'string' },
  },
  // A worker has the options of its parent.
  args: isMainThread ? process.argv.slice(2) : [],
});
const MOST_BYTES = 1_000_000;

const stopping = new AbortController();
/** The training that is under way. */
let training: Promise<void> | undefined;
let generation = 0;

const optionsOf = (next: number): TrainOptions => ({ path: args.model, generation: next, rows: Number(args.rows), epochs: Number(args.epochs), width: Number(args.width) });

/** Trains in another thread, which has the native threads in common with this one. */
function trainInWorker(options: TrainOptions): Promise<object> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  stopping.signal.addEventListener('abort', () => worker.postMessage('stop'), { once: true });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject).once('exit', (code) => reject(new Error(`the worker ended with ${code}`))));
}

/** Opens the file's model, which answers from now on. */
async function openModel(): Promise<void> {
  current = await loadModel(args.model, { target: 'category' });
  generation = Number((await loadMetadata(args.model))['generation']);
}

async function trainGeneration(): Promise<void> {
  const options = optionsOf(generation + 1);
  const report = await (args.train === 'worker' ? trainInWorker(options) : trainNext(options, stopping.signal));
  await openModel();
  console.log(`generation ${generation}: ${JSON.stringify(report)}`);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BYTES) throw new RangeError(`a body of more than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString()) as unknown;
}

async function answer(request: IncomingMessage): Promise<readonly [status: number, body: unknown]> {
  switch (`${request.method} ${request.url}`) {
    case 'POST /predict': {
      const rows = await bodyOf(request);
      // The model of now answers, also where another one has come meanwhile.
      return [200, await (Array.isArray(rows) ? current.rows(rows) : current.row(rows as Record<string, unknown>))];
    }
    case 'POST /train':
      if (training !== undefined) return [409, { message: 'a model is being trained' }];
      training = trainGeneration().catch((error: unknown) => void (stopping.signal.aborted || console.error(error))).finally(() => (training = undefined));
      return [202, { generation: generation + 1 }];
    case 'GET /model':
      return [200, { generation, training: training !== undefined, threads: info().threads, metadata: await loadMetadata(args.model) }];
    default:
      return [404, { message: 'there are POST /predict, POST /train and GET /model' }];
  }
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [status, body] = await answer(request).catch((error: unknown) => {
    // What is wrong with a row is for whoever sent it; everything else is ours.
    if (error instanceof AnnealError && error.code !== 'ANNEAL_INTERNAL') return [400, { code: error.code, message: error.message }] as const;
    if (error instanceof SyntaxError || error instanceof RangeError) return [400, { message: error.message }] as const;
    console.error(error);
    return [500, { message: 'the server failed' }] as const;
  });
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

let current!: Awaited<ReturnType<typeof loadModel<'category'>>>;

if (isMainThread) {
  if (args.threads !== '') setThreads(Number(args.threads));
  await (existsSync(args.model) ? openModel() : trainGeneration());
  const server = createServer((request, response) => void respond(request, response));
  server.listen(Number(args.port), () => console.log(`listening on ${(server.address() as AddressInfo).port}, ${info().threads} threads`));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stopping.abort();
      server.close(() => void (training ?? Promise.resolve()).then(() => process.exit(0)));
      server.closeIdleConnections();
    });
  }
} else {
  parentPort!.once('message', () => stopping.abort());
  parentPort!.postMessage(await trainNext(workerData as TrainOptions, stopping.signal));
  parentPort!.close();
}
