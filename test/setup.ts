// The methods of tensors, which tests that reach into src would not load: users have them by the package's entry.
import '../src/tensor-methods.js';
