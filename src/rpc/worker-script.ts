/* The packaged worker: what `open()` starts where the application has no worker of its own. */

// First, so that the text of the kernels comes first in the bundle: apart from the code both compress better, by 400 bytes.
import '../codec/wasm.ts';
import { serve } from './serve.ts';

serve();
