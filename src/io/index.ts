export { load, loadFile, parseSafetensors, type HostTensor, type TensorFile } from './load.js';
export { save, type Savable, type SaveOptions, type Stateful, type TensorsByName } from './save.js';
