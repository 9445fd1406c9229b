/*
 * What crosses between the workers of several tabs: plain data over BroadcastChannel. Each workspace has a *board*, which all of
 * its workers hear, for who owns it; and each relay a *line* of its own to the owner, so that nobody else gets its traffic.
 *
 * The notices *who* and *owner* must stay as they are: tabs of different versions of an application meet here.
 */

import type { Credentials } from '../overlay/call.ts';
import type { StreamOutcome } from './session.ts';
import type { Invocation, Reply, StreamRequest, Summary } from './wire.ts';

/** Version of this file's types. An owner of another is heard, and not joined. */
export const TAB_PROTOCOL = 4;

/** The protocol of an owner that has the workspace for itself. */
export const UNSHARED = 0;

/** On the board. */
export type Notice =
  /** Asks the owner to say that it is there. */
  | { readonly is: 'who' }
  /**
   * The owner is there. *mounted* false indicates that it is mounting or leaving. Therefore it cannot be joined, and is alive.
   * Of two owners the one with the higher term is right: the other was overtaken and has yet to learn it.
   */
  | { readonly is: 'owner'; readonly protocol: number; readonly owner: string; readonly term: number; readonly mounted: boolean }
  /** The owner has committed everything and is gone. */
  | { readonly is: 'left'; readonly owner: string }
  /** A relay has set up a line and asks the owner to come to its other end. `life` is a lock that the relay holds while it lives. */
  | { readonly is: 'join'; readonly owner: string; readonly line: string; readonly life: string };

/** Says what every answer of a line has: which of the relay's clients it is about. */
interface OfClient {
  readonly client: number;
}

/** On a line, from the relay. */
export type Request =
  | ({ readonly is: 'enter'; readonly user: Credentials } & OfClient)
  | ({ readonly is: 'call'; readonly serial: number; readonly invocation: Invocation } & OfClient)
  | ({ readonly is: 'stream'; readonly stream: StreamRequest } & OfClient)
  | ({ readonly is: 'cancel'; readonly id: number } & OfClient)
  | ({ readonly is: 'end' } & OfClient)
  | { readonly is: 'ping' }
  | { readonly is: 'bye' };

/** On a line, from the owner. */
export type Answer =
  | { readonly is: 'welcome'; readonly summary: Summary }
  | { readonly is: 'reply'; readonly serial: number; readonly reply: Reply<unknown> }
  /** The owner is leaving, and has not begun this call. */
  | { readonly is: 'moved'; readonly serial: number }
  | ({ readonly is: 'told'; readonly id: number; readonly message: StreamOutcome } & OfClient)
  | { readonly is: 'pong' }
  /** The owner's last word: every call that it had begun is answered. It never got one whose serial is above `received`. */
  | { readonly is: 'left'; readonly received: number };
