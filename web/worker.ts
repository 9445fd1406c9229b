/*
 * The application's own worker: it serves the engine to the page, and mounts the same engine in ZenFS for the terminal. Of several tabs
 * with one workspace one has the engine. In the others the terminal uses the workspace as the page does, until their turn comes.
 */

import { configure, fs } from '@zenfs/core';
import * as Comlink from 'comlink';
import { attach } from 'stratafs';
import type { Workspace } from 'stratafs';
import { serve } from 'stratafs/worker';
import { Overlay } from 'stratafs/zenfs';
import type { ShellFs } from './terminal/io.ts';
import { Shell } from './terminal/shell.ts';
import { watchTraffic } from './traffic.ts';
import type { Companion } from './wire.ts';
import { isCompanionMessage } from './wire.ts';

const shell = new Shell();
let hasEngine = false;
/** The workspace as the page has it. */
let attached: Workspace | undefined;
const useAttached = (): void => {
  if (attached !== undefined) shell.fs = attached.fs as unknown as ShellFs; // Node's calls, as ZenFS has them
};

serve({
  async onMount(overlay) {
    await configure({ mounts: { '/': { backend: Overlay, overlay } } });
    hasEngine = true;
    shell.fs = fs.promises;
  },
  onUnmount() {
    hasEngine = false;
    useAttached();
  },
});

const companion: Companion = {
  async use(port) {
    attached = await attach(port);
    if (!hasEngine) useAttached();
  },
  run: (line, cwd, write) => shell.run(line, cwd, write),
  interrupt: () => shell.interrupt(),
  complete: (line, cwd) => shell.complete(line, cwd),
  watchTraffic,
};

addEventListener('message', (event: MessageEvent<unknown>) => {
  if (isCompanionMessage(event.data)) Comlink.expose(companion, event.data.port);
});
