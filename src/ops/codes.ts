/** The numbers that programs have for things: those of native/codes.def, which runtime/binding.ts compares by name when it loads the addon. */
export const codes = {
  dtypes: { float32: 0, int32: 1, bool: 2, uint8: 3, float64: 4 },
  format: { magic: 0x4c4e4e41, version: 1, none: 0xffffffff, header: 16, buffer: 8, tensor: 20, instruction: 8 },
  limits: { rank: 8, elements: 2 ** 31 - 1, window: 2 ** 30, labels: 2 ** 28 - 1 },
  spaces: { arena: 0, storage: 1, input: 2, output: 3, slots: 4 },
  padding_modes: { constant: 0, edge: 1, reflect: 2, symmetric: 3 },
  interpolations: { nearest: 0, bilinear: 1 },
  image_limits: { side: 32767 },
  activations: { none: 0, relu: 1, gelu: 2, gelu_tanh: 3, tanh: 4, sigmoid: 5 },
  gemm_flags: { mask: 1, accumulate: 2 },
  elementwise_limits: { opcodes: 32, inputs: 16, outputs: 8 },
  distributions: { uniform: 0, normal: 1, bernoulli: 2 },
  reductions: { sum: 0, mean: 1, max: 2, min: 3, argmax: 4, argmin: 5, var: 6, any: 7, all: 8 },
  resample_modes: { nearest: 0, nearest_exact: 1, linear: 2, linear_corners: 3, cubic: 4, cubic_corners: 5, reflect: 6, replicate: 7, circular: 8, linear_antialias: 9, cubic_antialias: 10 },
  update_flags: { averages: 2 ** 30, writes_average_back: 2 ** 31 },
} as const;
