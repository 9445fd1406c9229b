/* The page's end of the application's own channel to its worker. */

import * as Comlink from 'comlink';
import type { Companion, CompanionMessage, Finished, Traffic } from './wire.ts';

/** `Companion` as the page calls it: every call is answered by a promise. */
export interface RemoteCompanion {
  use(port: MessagePort): Promise<void>;
  run(line: string, cwd: string, write: (text: string) => void): Promise<Finished>;
  interrupt(): Promise<void>;
  complete(line: string, cwd: string): Promise<string[]>;
  watchTraffic(listener: (traffic: Traffic) => void): Promise<void>;
}

/** Hands the worker one end of a channel and gives what stands at the other. */
export function connectCompanion(worker: Worker): RemoteCompanion {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ kind: 'companion', port: port2 } satisfies CompanionMessage, [port2]);
  const remote = Comlink.wrap<Companion>(port1);
  return {
    use: (port) => remote.use(Comlink.transfer(port, [port])),
    run: (line, cwd, write) => remote.run(line, cwd, Comlink.proxy(write)),
    interrupt: () => remote.interrupt(),
    complete: (line, cwd) => remote.complete(line, cwd),
    watchTraffic: (listener) => remote.watchTraffic(Comlink.proxy(listener)),
  };
}
