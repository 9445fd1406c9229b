/*
 * The application's own worker: it serves the engine to the page, and mounts the same engine in ZenFS for the terminal.
 */

import { configure, fs } from '@zenfs/core';
import * as Comlink from 'comlink';
import { serve } from 'stratafs/worker';
import { Overlay } from 'stratafs/zenfs';
import { Shell } from './terminal/shell.ts';
import { watchTraffic } from './traffic.ts';
import type { Companion } from './wire.ts';
import { isCompanionMessage } from './wire.ts';

serve({
  onMount: (overlay) => configure({ mounts: { '/': { backend: Overlay, overlay } } }),
});

const shell = new Shell(fs.promises);
const companion: Companion = {
  run: (line, cwd, write) => shell.run(line, cwd, write),
  interrupt: () => shell.interrupt(),
  complete: (line, cwd) => shell.complete(line, cwd),
  watchTraffic,
};

addEventListener('message', (event: MessageEvent<unknown>) => {
  if (isCompanionMessage(event.data)) Comlink.expose(companion, event.data.port);
});
