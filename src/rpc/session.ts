/*
 * A client's use of a workspace, wherever its engine runs: in this worker, or in that of another tab. The host of a connection
 * knows these two interfaces only.
 */

import type { Credentials } from '../overlay/call.ts';
import type { Invocation, Reply, StreamMessage, StreamRequest, Summary } from './wire.ts';

/**
 * How a call ended. *moved* indicates that the owner was leaving and has not begun it. Therefore it may be asked again, whatever it
 * does.
 */
export type Outcome = Reply<unknown> | { readonly moved: true };

export const isMoved = (outcome: StreamOutcome): outcome is { readonly moved: true } => 'moved' in outcome;

/** What a stream tells. *moved* indicates that the owner has left it unfinished. Therefore it may go on elsewhere. */
export type StreamOutcome = StreamMessage | { readonly moved: true };

/** One client: its calls, and what it holds (open files, streams, batches). */
export interface Session {
  /** Bytes in the outcome own their buffer. Calls reach the engine in the order in which they are made. Never rejects. */
  invoke(invocation: Invocation): Promise<Outcome>;
  /** Tells nothing any more once it is cancelled. */
  stream(request: StreamRequest, tell: (message: StreamOutcome) => void): void;
  /** Aborts the call or stream of this id, if it is still under way. */
  cancel(id: number): void;
  /** Ends what is under way and lets go of what the client holds. */
  end(): Promise<void>;
}

/** A workspace in this worker: with its engine, or as a relay to it. */
export interface Seat {
  readonly summary: Summary;
  /** Lets one more client in, who acts for this user, whomever the engine was mounted for. */
  session(user: Credentials): Session;
  /** Commits, and lets go of everything. Rejects where the last commit failed. */
  close(): Promise<void>;
}
