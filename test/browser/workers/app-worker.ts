/* An application's own worker: serves workspaces, uses the engine itself, and has messages of its own. */

import { serve } from '../../../src/worker.ts';

serve({
  async onMount(overlay) {
    await overlay.fs.promises.writeFile('/from-worker', 'made in the worker');
  },
});

addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  if (data === 'ping') postMessage('pong');
  if (data === 'close') close();
  if (data === 'throw') throw new Error('planted: an uncaught error in the application');
});
