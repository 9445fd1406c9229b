/*
 * The handshake: how page and worker come by a port of their own; and the channels between workers. The only file that says
 * `postMessage`. What else is sent to the worker stays the application's: one message of a shape that nobody else uses, everything
 * after it on the port.
 */

import { PROTOCOL } from './wire.ts';

interface Handshake {
  /** The client's protocol. */
  readonly stratafs: number;
  readonly port: MessagePort;
}

/** What has a message event: a worker's global scope. */
export interface MessageScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void;
}

/** Makes a connection to the worker's `serve()`. It waits until the worker's script has run. */
export function connectTo(worker: Pick<Worker, 'postMessage'>): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const handshake: Handshake = { stratafs: PROTOCOL, port: port2 };
  worker.postMessage(handshake, [port2]);
  return port1;
}

/** Calls `accept` with the port of each new connection. */
export function onConnection(scope: MessageScope, accept: (port: MessagePort) => void): void {
  scope.addEventListener('message', ({ data }) => {
    if (isHandshake(data)) accept(data.port);
  });
}

function isHandshake(data: unknown): data is Handshake {
  return typeof data === 'object' && data !== null && 'stratafs' in data && 'port' in data && data.port instanceof MessagePort;
}

/** One end of a channel between workers. Who posts does not hear itself. */
export interface Channel {
  /** Plain data; it is copied. */
  post(message: unknown): void;
  close(): void;
}

/** Opens one end of a BroadcastChannel. */
export function openChannel(name: string, onMessage: (message: unknown) => void): Channel {
  const channel = new BroadcastChannel(name);
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => onMessage(data));
  return {
    post: (message) => channel.postMessage(message),
    close: () => channel.close(),
  };
}
