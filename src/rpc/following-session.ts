/*
 * A client's session that outlives owners: it follows the workspace from one to the next. It owns what has to be set up again there
 * (streams), and decides what becomes of the calls that an owner left behind:
 *
 *   answered                  that is the answer
 *   not begun (*moved*)       asked again
 *   only looks                asked again
 *   changes something         EOWNERDEAD: it may have happened or not, and is never done twice
 *
 * A stream that has not ended begins again: a watch says that something may have happened, progress starts anew, and a search leaves
 * out what it has told.
 * Open files and batches are known to one owner only: afterwards calls on them are ESTALE and EAGAIN.
 */

import { AbortError, FsError, toErrorRecord } from '../base/errors.ts';
import type { SearchedFile } from '../base/search.ts';
import { isRepeatable } from './repeatable.ts';
import { isMoved, type Outcome, type Session, type StreamOutcome } from './session.ts';
import type { Invocation, Reply, StreamRequest } from './wire.ts';

interface Call {
  /** Its place among calls and streams, in the order in which they were made. */
  readonly place: number;
  readonly invocation: Invocation;
  readonly resolve: (reply: Reply<unknown>) => void;
  /** Who was asked last. */
  at?: Session;
}

interface Stream {
  readonly place: number;
  readonly request: StreamRequest;
  readonly tell: (message: StreamOutcome) => void;
  isStarted: boolean;
  /** Paths that a search has told of. */
  readonly told: Set<string>;
}

/** A watch has no end that somebody waits for. */
const isAwaited = ({ request }: Stream): boolean => request.method !== 'watch';

/** Something that one owner knows by a number: an open file or a batch. */
interface Held {
  readonly at: Session;
  readonly number: number;
}

/** What a session asks of its seat. */
export interface SessionObserver {
  /** It waits for something: the owner should show signs of life, or another be found. */
  onBusy(): void;
  onEnd(): void;
}

export class FollowingSession implements Session {
  /** The session at the owner; `undefined` while there is none who would take calls. */
  #owner: Session | undefined;
  /** Calls and streams that wait for an owner, in their order. */
  #queue: (Call | Stream)[] = [];
  /** Calls that an owner has, in the order in which they were asked. */
  readonly #flights = new Set<Call>();
  readonly #streams = new Map<number, Stream>();
  /** By the number that the client knows, which no other owner's ever equals. */
  readonly #held = new Map<number, Held>();
  #serial = 0;
  #places = 0;
  #isOver = false;

  constructor(private readonly observer: SessionObserver) {}

  /** It waits for an answer, or for an owner. */
  get isBusy(): boolean {
    return this.#flights.size > 0 || this.#queue.length > 0 || [...this.#streams.values()].some(isAwaited);
  }

  /** New calls wait. Those that the owner has may still be answered. */
  pause(): void {
    this.#owner = undefined;
  }

  /** Goes over to another owner, or away from one that is gone. What the former one has not answered by now, it never will. */
  follow(owner: Session | undefined): void {
    this.#owner = owner;
    for (const call of this.#flights) {
      if (call.at === owner) continue;
      this.#flights.delete(call);
      if (isRepeatable(call.invocation)) this.#enqueue(call);
      else call.resolve(failure(ownerDead(call.invocation)));
    }
    if (owner === undefined) {
      if (this.isBusy) this.observer.onBusy();
      return;
    }
    for (const stream of this.#streams.values()) {
      if (!stream.isStarted) continue; // it stands in the queue
      this.#startStream(stream, owner);
      // Something may have happened that nobody has told.
      if (stream.request.method === 'watch') stream.tell({ item: { eventType: 'change', filename: nameOf(stream.request.args[0]) } });
    }
    for (const waiting of this.#queue.splice(0)) this.#start(waiting, owner);
  }

  /** Nobody can be the owner: whatever waits rejects. */
  fail(reason: unknown): void {
    this.follow(undefined);
    for (const waiting of this.#queue.splice(0)) if ('invocation' in waiting) waiting.resolve(failure(reason));
    for (const stream of this.#streams.values()) if (!stream.isStarted || isAwaited(stream)) this.#endStream(stream, failure(reason));
  }

  invoke(invocation: Invocation): Promise<Outcome> {
    if (this.#isOver) return Promise.resolve(failure(closed()));
    return new Promise((resolve) => this.#take({ place: ++this.#places, invocation, resolve }));
  }

  stream(request: StreamRequest, tell: (message: StreamOutcome) => void): void {
    if (this.#isOver) return tell(failure(closed()));
    const stream = { place: ++this.#places, request, tell, isStarted: false, told: new Set<string>() };
    this.#streams.set(request.id, stream);
    this.#take(stream);
  }

  cancel(id: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    for (const waiting of this.#queue)
      if ('invocation' in waiting && waiting.invocation.id === id) waiting.resolve(failure(new AbortError()));
    this.#queue = this.#queue.filter((waiting) => waiting !== stream && !('invocation' in waiting && waiting.invocation.id === id));
    this.#owner?.cancel(id);
  }

  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams.values()) this.#endStream(stream, { moved: true });
    for (const waiting of this.#queue.splice(0)) if ('invocation' in waiting) waiting.resolve(failure(closed()));
    const owner = this.#owner;
    this.#owner = undefined;
    await owner?.end();
    for (const call of this.#flights) call.resolve(failure(closed()));
    this.#flights.clear();
    this.observer.onEnd();
  }

  #take(waiting: Call | Stream): void {
    if (this.#owner === undefined) this.#enqueue(waiting);
    else this.#start(waiting, this.#owner);
    if ('invocation' in waiting || isAwaited(waiting)) this.observer.onBusy();
  }

  /** Lets it wait in its place: what a leaving owner gives back was made before what was not asked of it any more. */
  #enqueue(waiting: Call | Stream): void {
    const before = this.#queue.findLastIndex(({ place }) => place < waiting.place);
    this.#queue.splice(before + 1, 0, waiting);
  }

  #start(waiting: Call | Stream, owner: Session): void {
    if ('invocation' in waiting) this.#ask(waiting, owner);
    else this.#startStream(waiting, owner);
  }

  #ask(call: Call, owner: Session): void {
    const invocation = this.#translate(call.invocation, owner);
    if ('value' in invocation || 'error' in invocation) return call.resolve(invocation);
    call.at = owner;
    this.#flights.add(call);
    void owner.invoke(invocation).then((outcome) => this.#onOutcome(call, owner, outcome));
  }

  #onOutcome(call: Call, owner: Session, outcome: Outcome): void {
    // Asked of somebody else by now, or settled.
    if (call.at !== owner || !this.#flights.delete(call)) return;
    if (!isMoved(outcome)) return call.resolve(this.#settle(call.invocation, owner, outcome));
    if (this.#owner !== undefined && this.#owner !== owner) this.#ask(call, this.#owner);
    else this.#enqueue(call);
  }

  #startStream(stream: Stream, owner: Session): void {
    stream.isStarted = true;
    owner.stream(stream.request, (message) => {
      if (this.#owner !== owner || this.#streams.get(stream.request.id) !== stream) return;
      if (isMoved(message)) return; // the next owner begins it again
      if ('item' in message) this.#tell(stream, message);
      else this.#endStream(stream, message);
    });
  }

  #tell({ request, tell, told }: Stream, message: { readonly item: unknown }): void {
    if (request.method === 'search') {
      const { path } = message.item as SearchedFile;
      if (told.has(path)) return;
      told.add(path);
    }
    tell(message);
  }

  #endStream(stream: Stream, message: StreamOutcome): void {
    this.#streams.delete(stream.request.id);
    stream.tell(message);
  }

  /** The reply as the client gets it: numbers what the call has opened, forgets what it has closed. */
  #settle(invocation: Invocation, at: Session, reply: Reply<unknown>): Reply<unknown> {
    const { on, method } = invocation;
    const closes = closedBy(invocation);
    if (closes !== undefined) this.#held.delete(closes);
    const opens = (on === 'fs' && method === 'open') || (on === 'workspace' && (method === 'beginBatch' || method === 'export'));
    if (!opens || 'error' in reply) return reply;
    const number = ++this.#serial;
    this.#held.set(number, { at, number: reply.value as number });
    return { value: number };
  }

  /** The call as this owner understands it; its reply at once where the owner does not know what it is about. */
  #translate(invocation: Invocation, owner: Session): Invocation | Reply<unknown> {
    const closes = closedBy(invocation);
    const number = closes ?? (invocation.on === 'file' ? invocation.fd : invocation.batch);
    if (number === undefined) return invocation;
    const held = this.#held.get(number);
    if (held?.at === owner) {
      if (invocation.on === 'file') return { ...invocation, fd: held.number };
      return closes === undefined ? { ...invocation, batch: held.number } : { ...invocation, args: [held.number] };
    }
    if (closes !== undefined) this.#held.delete(number);
    // Nothing is left that could be closed or given up.
    if (invocation.method === 'close' || invocation.method === 'abortBatch') return { value: undefined };
    if (invocation.on === 'file')
      return failure(held === undefined ? new FsError('EBADF', { syscall: invocation.method }) : stale(invocation.method));
    return failure(held === undefined ? noBatch() : lostBatch());
  }
}

/** The number of the file or batch that a call ends. */
function closedBy(invocation: Invocation): number | undefined {
  const { on, method, args } = invocation;
  if (on === 'file') return method === 'close' ? invocation.fd : undefined;
  return on === 'workspace' && (method === 'commitBatch' || method === 'abortBatch') ? (args[0] as number) : undefined;
}

const failure = (reason: unknown): { readonly error: ReturnType<typeof toErrorRecord> } => ({ error: toErrorRecord(reason) });

const closed = (): FsError => new FsError('EIO', { detail: 'the workspace is closed' });
const noBatch = (): FsError => new FsError('EINVAL', { detail: 'the batch is over' });
const lostBatch = (): FsError =>
  new FsError('EAGAIN', { detail: 'the tab that ran the batch is gone, and nothing of it happened: run it again' });
const stale = (syscall: string): FsError =>
  new FsError('ESTALE', { syscall, detail: 'the tab that had the file open is gone: open it again' });

/** A call that the owner took with it. */
function ownerDead(invocation: Invocation): FsError {
  if (invocation.batch !== undefined) return lostBatch();
  const [path] = invocation.args;
  return new FsError('EOWNERDEAD', {
    syscall: invocation.method,
    path: invocation.on === 'fs' && typeof path === 'string' ? path : undefined,
    detail: 'the tab that owned the workspace is gone: the call may have happened or not',
  });
}

/** The last name of a path as it crosses the wire. */
function nameOf(path: unknown): string {
  const text =
    typeof path === 'object' && path !== null && 'wireUrl' in path ? decodeURIComponent(new URL(String(path.wireUrl)).pathname) : path;
  const name = text instanceof Uint8Array ? new TextDecoder().decode(text) : String(text);
  return name.replace(/\/+$/, '').split('/').at(-1) ?? '';
}
