import { showShape, sizeOf } from '../shape.js';
import { Parameter } from '../parameter.js';
import type { Module } from './module.js';
import { columns } from './summary-text.js';

/** Returns what console.log() prints of a module: a line for itself and each one below it, with the shapes of its own parameters. */
export function moduleText(model: Module): string {
  const state = [...model.stateDict().values()];
  const frozen = state.filter((parameter) => !parameter.requiresGrad && !parameter.isBuffer).length;
  const count = state.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const facts = [`${count.toLocaleString('en')} parameters`, ...(frozen === 0 ? [] : [`${frozen} tensors frozen`]), model.training ? 'training' : 'evaluation'];
  const inner = model.modules().slice(1);
  const kind = inner.length === 0 ? String(model) : kindOf(model);
  const prefix = model.path$ === '' ? '' : `${model.path$}.`;
  const rows = inner.map((module) => [`  ${module.path$.startsWith(prefix) ? module.path$.slice(prefix.length) : module.path$}`, kindOf(module), shapesOf(module)]);
  const own = shapesOf(model);
  return [`${kind} (${facts.join(', ')})${own === '' ? '' : `  ${own}`}`, ...columns(rows, 3)].join('\n');
}

/** A module that has others is what its class is called: they have lines of their own. */
function kindOf(module: Module): string {
  return module.children().length === 0 ? String(module) : module.constructor.name;
}

function shapesOf(module: Module): string {
  const own = [...module.fields$()].flatMap(([name, value]) => (value instanceof Parameter ? [`${name} ${showShape(value.shape)}`] : []));
  return own.join(', ');
}
