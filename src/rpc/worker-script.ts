/* The packaged worker: what `open()` starts where the application has no worker of its own. */

import { serve } from './serve.ts';

serve();
