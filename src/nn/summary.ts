import { ArgumentError, DTypeError } from '../errors.js';
import { deferring, withoutTracking } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import { allocate } from '../numeric-array.js';
import { checkShape } from '../ops/check.js';
import { fromArray } from '../ops/leaf.js';
import { flopsOf } from '../ops/flops.js';
import { printed } from '../inspect.js';
import { checkOptions, withoutUndefined } from '../options.js';
import { describeValue } from '../describe-value.js';
import { isRecord, listFields, showExampleShape, tensorsOf, type ExampleShape, type ShapeRecord, type Tensors } from '../records.js';
import { sizeOf, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';
import { bytesOf, heldBytes } from './activation-memory.js';
import { inputDType } from './input-dtype.js';
import { forwardOf, Module, type AnyModule } from './module.js';
import { observing } from './observe.js';
import { ownParameters } from './registry.js';
import { Sequential } from './sequential.js';
import { withUnit } from '../with-unit.js';
import { table } from './summary-text.js';

/** Facts about a layer that are known before anything runs. */
export interface LayerSummary {
  /** Its place in the model, as in `0`; '' for the model itself. */
  readonly layer: string;
  /** Description, as in `linear(784, 128)`. */
  readonly kind: string;
  /** The shape of what it makes of one example. */
  readonly output: ExampleShape;
  /** Number of elements of its own parameters, those that are not trained among them; tied ones count where they come first. */
  readonly parameters: number;
  /** Additions, multiplications and their kin of one example's forward pass, in the layer itself; a multiplication with its addition counts 2. */
  readonly flops: number;
  /** Bytes of all that it records for a batch; views lie in the memory of what they show. */
  readonly activationBytes: number;
}

export interface Summary {
  /** The shape of one example; of several inputs, one each. */
  readonly input: ExampleShape;
  readonly batchSize: number;
  /** Layers in the order in which they are done; modules that only call others are left out. */
  readonly layers: readonly LayerSummary[];
  /** Number of elements of the model's parameters, and how many of them training changes. */
  readonly parameters: number;
  readonly trained: number;
  /** Floating-point operations of one example's forward pass; a training step takes about three times as many. */
  readonly flops: number;
  /**
   * Bytes in training. Activations are all that a forward pass records for one batch; what a step takes in fact may be less, because plans reuse memory. With recompute(), they are those that
   * are held at once, and `activationsWithoutRecompute` are all.
   */
  readonly memory: { readonly parameters: number; readonly gradients: number; readonly optimizer: number; readonly activations: number; readonly activationsWithoutRecompute?: number; readonly total: number };
  /** A table. */
  toString(): string;
}

export interface SummaryOptions {
  /** Examples in a batch, for the memory of activations. Default 32. */
  readonly batchSize?: number | undefined;
  /** Dtype of the input, 'int32' for indices such as tokens; of several, of some of them. Default 'float32', and 'int32' of a chain that begins with an embedding. */
  readonly dtype?: InputDType | { readonly [field: string]: InputDType } | undefined;
}

type InputDType = 'float32' | 'int32';

/**
 * Layers, shapes, parameters, memory and floating-point operations of a model, before anything runs: its forward pass is recorded in evaluation
 * mode, and never computed. `input` is the shape of one example without the batch; a sequential model knows its own.
 *
 *     console.log(String(nn.summary(model)));
 *     console.log(nn.summary(model, [784], { batchSize: 128 }).memory.total);
 *
 * Throws ArgumentError without a shape, and what the model throws at one that does not fit. Memory knows of no optimizer: see trainer.summary().
 */
export function summary(model: AnyModule, input?: ExampleShape, options: SummaryOptions = {}): Summary {
  checkOptions('summary', options, ['batchSize', 'dtype']);
  if (!(model instanceof Module)) throw new ArgumentError(`[summary] the model: got ${describeValue(model)}, expected a Module, such as nn.sequential(...).`, { op: 'summary' });
  return summarize(model as unknown as Module, input, { batchSize: 32, ...withoutUndefined(options) }, 0);
}

/** summary(), with so many bytes of an optimizer's state. */
export function summarize(model: Module, given: ExampleShape | undefined, { batchSize = 32, dtype }: SummaryOptions, optimizer: number): Summary {
  const input = given ?? (model instanceof Sequential ? (model as Sequential).input : undefined);
  if (input === undefined) throw new ArgumentError('[summary] input: got none, expected the shape of one example without the batch, as in [784]: only a sequential model knows its own.', { op: 'summary' });
  if (!Array.isArray(input) && !isShapeRecord(input)) throw new ArgumentError(`[summary] input: got ${describeValue(input)}, expected the shape of one example without the batch, as in [784]; options come third.`, { op: 'summary' });
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw new ArgumentError(`[summary] batchSize: got ${describeValue(batchSize)}, expected an integer of at least 1.`, { op: 'summary' });
  const x = examples(input, batchSize, dtype ?? (isShapeRecord(input) ? undefined : inputDType(model)));
  const { layers, held } = dtype === undefined ? withAdvice(input, () => layersOf(model, x, batchSize)) : layersOf(model, x, batchSize);
  const state = [...model.stateDict().values()];
  const count = (parameters: readonly Parameter[]): number => parameters.reduce((total, { shape }) => total + sizeOf(shape), 0);
  const parameters = count(state);
  const trained = count(state.filter(({ requiresGrad }) => requiresGrad));
  const all = layers.reduce((total, layer) => total + layer.activationBytes, 0);
  const activations = held ?? all;
  const memory = {
    parameters: 4 * parameters, gradients: 4 * trained, optimizer, activations, ...(held === undefined ? {} : { activationsWithoutRecompute: all }),
    total: 4 * (parameters + trained) + optimizer + activations,
  };
  const flops = layers.reduce((total, layer) => total + layer.flops, 0);
  const data = { input: copyOf(input), batchSize, layers, parameters, trained, flops, memory };
  return printed(data, () => show(data));
}

/** Result of `fn`. A DTypeError says, too, how summary() is told the dtypes of inputs. */
function withAdvice<R>(input: ExampleShape, fn: () => R): R {
  try {
    return fn();
  } catch (error) {
    if (error instanceof DTypeError) error.message += ` (summary() gives the model float32 where nobody says otherwise: pass { dtype: ${isShapeRecord(input) ? `{ ${Object.keys(input)[0]!}: 'int32' }` : "'int32'"} }.)`;
    throw error;
  }
}

function isShapeRecord(input: unknown): input is ShapeRecord {
  return isRecord(input) && Object.keys(input).length > 0 && Object.values(input).every(Array.isArray);
}

function copyOf(input: ExampleShape): ExampleShape {
  return isShapeRecord(input) ? Object.fromEntries(Object.entries(input).map(([field, shape]) => [field, [...shape]])) : [...(input as Shape)];
}

/** A batch of zeros. */
function examples(input: ExampleShape, batchSize: number, dtypes: SummaryOptions['dtype']): Tensors {
  const batch = (shape: Shape, dtype: unknown = 'float32'): Tensor => {
    if (dtype !== 'float32' && dtype !== 'int32') throw new ArgumentError(`[summary] dtype: got ${describeValue(dtype)}, expected 'float32' or 'int32', or one of them for each of several inputs, as in { tokens: 'int32' }.`, { op: 'summary' });
    checkShape('summary', [batchSize, ...shape]);
    const size = batchSize * sizeOf(shape);
    return fromArray(allocate('summary', 'a batch', size, () => new (dtype === 'int32' ? Int32Array : Float32Array)(size)), [batchSize, ...shape], dtype);
  };
  if (!isShapeRecord(input)) return batch(input as Shape, dtypes);
  if (dtypes !== undefined && !isRecord(dtypes)) throw new ArgumentError(`[summary] dtype: got ${describeValue(dtypes)}, expected a record for the inputs ${listFields(input)}, as in { ${Object.keys(input)[0]}: 'int32' }.`, { op: 'summary' });
  for (const field of Object.keys(dtypes ?? {})) {
    if (!Object.hasOwn(input, field)) throw new ArgumentError(`[summary] dtype: got the field ${field}, expected one of the inputs ${listFields(input)}. Leave it out.`, { op: 'summary' });
  }
  return Object.fromEntries(Object.entries(input).map(([field, shape]) => [field, batch(shape, dtypes?.[field])]));
}

/** The shape of one example of an output, or of each of several. */
function exampleShape(output: Tensors): ExampleShape {
  return output instanceof Tensor ? output.shape.slice(1) : Object.fromEntries(Object.entries(output).map(([field, { shape }]) => [field, shape.slice(1)]));
}

/** Records a forward pass, and what each module does in it. `held`: bytes of activations at once, where some are computed again. */
function layersOf(model: Module, x: Tensors, batchSize: number): { readonly layers: readonly LayerSummary[]; readonly held: number | undefined } {
  // Gives modules and parameters their names.
  model.parameters();
  const modules = model.modules();
  const training = modules.filter((module) => module.training);
  const claimed = new Set<Tensor>();
  const calls = new Map<Module, { output: Tensors; flops: number; bytes: number }>();
  const observer = (module: Module, output: Tensors, inputs: readonly Tensor[]): void => {
    const before = calls.get(module) ?? { flops: 0, bytes: 0 };
    const own = claim(tensorsOf(output), inputs, claimed);
    calls.set(module, { output, flops: before.flops + sumOf(own, flopsOf), bytes: before.bytes + sumOf(own, bytesOf) });
  };
  for (const module of training) module.training = false;
  // With gradients, without which nothing is computed again.
  const recorded = (): Tensors => deferring(() => withoutTracking(() => forwardOf(model, x), true));
  let output: Tensors;
  try {
    output = observing(modules, observer, recorded);
  } finally {
    for (const module of training) module.training = true;
  }
  const counted = new Set<Parameter>();
  const layers = [...calls].flatMap(([module, { output, flops, bytes }]) => {
    const parameters = countOwn(module, counted);
    if (module.children().length > 0 && flops === 0 && parameters === 0) return [];
    return [{ layer: module.path$, kind: String(module), output: exampleShape(output), parameters, flops: Math.round(flops / batchSize), activationBytes: bytes }];
  });
  return { layers, held: heldBytes(claimed, tensorsOf(output)) };
}

/** Ops recorded between a module's inputs and its output, but for those that modules inside it have recorded: before them, between them and behind them. */
function claim(outputs: readonly Tensor[], inputs: readonly Tensor[], claimed: Set<Tensor>): Tensor[] {
  const own = postOrder(outputs, (node) => (inputs.includes(node) ? [] : node.inputs)).filter((node) => !inputs.includes(node) && !claimed.has(node));
  for (const node of own) claimed.add(node);
  return own;
}

const sumOf = (nodes: readonly Tensor[], of: (node: Tensor) => number): number => nodes.reduce((sum, node) => sum + of(node), 0);

/** Elements of the parameters of a module that none before it has had. */
function countOwn(module: Module, counted: Set<Parameter>): number {
  const fresh = ownParameters(module).filter((parameter) => !counted.has(parameter));
  for (const parameter of fresh) counted.add(parameter);
  return fresh.reduce((total, { shape }) => total + sizeOf(shape), 0);
}

function show({ input, batchSize, layers, parameters, trained, flops, memory }: Omit<Summary, 'toString'>): string {
  const rows = layers.map((layer) => [layer.layer, layer.kind, showExampleShape(layer.output), layer.parameters.toLocaleString('en'), layer.flops.toLocaleString('en')]);
  const bytes = (count: number): string => withUnit(count, 'B');
  const without = memory.activationsWithoutRecompute === undefined ? '' : `; ${bytes(memory.activationsWithoutRecompute)} without recompute`;
  return [
    ...table([['layer', 'kind', 'output', 'parameters', 'FLOPs'], ...rows], 3),
    '',
    `input        ${showExampleShape(input)}`,
    `parameters   ${parameters.toLocaleString('en')}${trained === parameters ? '' : `, of which ${trained.toLocaleString('en')} are trained`}`,
    `FLOPs        ${withUnit(flops, '')} for one example, forward`,
    `memory       ${bytes(memory.total)}: parameters ${bytes(memory.parameters)}, gradients ${bytes(memory.gradients)}, optimizer ${bytes(memory.optimizer)}, activations ${bytes(memory.activations)} (${batchSize} examples${without})`,
  ].join('\n');
}
