/* A worker that is none: `serve()` on the other end of a channel in the same thread. For everything but threads themselves. */

import type { MessageScope } from '../../src/rpc/connect.ts';
import type { Tabs } from '../../src/rpc/ownership.ts';
import { serveOn, type ServeOptions } from '../../src/rpc/serve.ts';

/** What a client needs of a worker, and how to take it away. */
export interface LocalWorker {
  readonly worker: Worker;
  /** Ends it as `terminate()` ends a real one: nobody is told. */
  kill(): void;
}

/** @param tabs the other tabs of its browser; none where there is none */
export function localWorker(options: ServeOptions = {}, tabs?: Tabs): LocalWorker {
  const ports: MessagePort[] = [];
  const target = new EventTarget();
  const scope: MessageScope = {
    addEventListener: (type, listener) => target.addEventListener(type, listener as EventListener),
  };
  serveOn(scope, options, tabs);
  const worker = Object.assign(new EventTarget(), {
    postMessage(data: { readonly port?: MessagePort }) {
      if (data.port instanceof MessagePort) ports.push(data.port);
      queueMicrotask(() => target.dispatchEvent(new MessageEvent('message', { data })));
    },
    terminate: () => undefined,
  });
  return {
    worker: worker as unknown as Worker,
    kill() {
      for (const port of ports) port.close();
    },
  };
}
