/*
 * The handshake: what page and worker talk over; and the channels between workers. The only file that says `postMessage`.
 *
 * A worker of the application's own hears one message of a shape that nobody else uses, with a port that everything after it goes
 * over: what else is sent to it stays the application's. To a worker that `open()` has started nobody else has anything to say, so
 * everything goes the straight way: a message on a port between threads takes a fifth longer (docs/PERFORMANCE.md).
 */

import type { Endpoint } from 'comlink';
import { PROTOCOL } from './wire.ts';

interface Handshake {
  /** The client's protocol. */
  readonly stratafs: number;
  /** Without one, what follows comes the way that this came. */
  readonly port?: MessagePort;
}

/** A worker's global scope: what hears messages, and can answer them. */
export interface MessageScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void;
}

/** Makes a connection over a port to the `serve()` of a worker that is not ours alone. It waits until the worker's script has run. */
export function connectTo(worker: Pick<Worker, 'postMessage'>): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const handshake: Handshake = { stratafs: PROTOCOL, port: port2 };
  worker.postMessage(handshake, [port2]);
  return port1;
}

/** Makes the worker itself the connection to its `serve()`. Nobody else may send anything to it or hear of it. */
export function connectStraightTo(worker: Worker): Endpoint {
  const handshake: Handshake = { stratafs: PROTOCOL };
  worker.postMessage(handshake);
  return worker;
}

/** Calls `accept` with each new connection. */
export function onConnection(scope: MessageScope, accept: (connection: Endpoint) => void): void {
  scope.addEventListener('message', ({ data }) => {
    if (isHandshake(data)) accept(data.port ?? (scope as Endpoint));
  });
}

function isHandshake(data: unknown): data is Handshake {
  if (typeof data !== 'object' || data === null) return false;
  const { stratafs, port } = data as Partial<Handshake>;
  return typeof stratafs === 'number' && (port === undefined || port instanceof MessagePort);
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
