/*
 * The owner's side of the relays' lines: while it lasts, it answers their calls with the engine. It notices when a relay dies, and
 * lets go of what its clients held.
 *
 * Leaving in order: calls that were not begun are *moved* to the next owner, and so are those begun that may be done twice; the
 * others are finished and answered. Only then is the last word said, with which the relay knows what never arrived.
 */

import { toErrorRecord } from '../base/errors.ts';
import type { Channel } from './connect.ts';
import type { EngineSeat } from './engine-seat.ts';
import type { EngineSession } from './engine-session.ts';
import { watchLife } from './life.ts';
import type { Tabs } from './ownership.ts';
import { isRepeatable } from './repeatable.ts';
import type { Answer, Request } from './tab-wire.ts';
import type { Invocation, Reply } from './wire.ts';

type Call = Extract<Request, { is: 'call' }>;

export class Tenure {
  readonly #lines = new Map<string, LineEnd>();

  constructor(
    private readonly tabs: Tabs,
    private readonly seat: EngineSeat,
  ) {}

  /** Comes to the other end of a relay's line. A relay that has heard nothing asks again; that is no new line. */
  join(line: string, life: string): void {
    const known = this.#lines.get(line);
    if (known !== undefined) return known.welcome();
    const end = new LineEnd(this.tabs, this.seat, line, life, () => this.#lines.delete(line));
    this.#lines.set(line, end);
    end.welcome();
  }

  /** Answers what was begun, begins nothing more. Resolves when that is done, or has taken as long as an owner may be silent. */
  async drain(): Promise<void> {
    const drained = Promise.all([...this.#lines.values()].map((line) => line.drain()));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.tabs.patience)));
    await Promise.race([drained, late]);
    clearTimeout(timer);
  }

  /** Says the last word. */
  leave(): void {
    for (const line of this.#lines.values()) line.leave();
    this.#lines.clear();
  }

  /** Goes without a word: what it might still say counts no longer. */
  drop(): void {
    for (const line of this.#lines.values()) line.drop();
    this.#lines.clear();
  }
}

/** The owner's end of one line. */
class LineEnd {
  readonly #channel: Channel;
  readonly #clients = new Map<number, EngineSession>();
  readonly #calls = new Map<number, Invocation>();
  readonly #over = new AbortController();
  #onDrained: (() => void) | undefined;
  /** The serial of the last call that came. They come in their order. */
  #received = 0;

  constructor(
    tabs: Tabs,
    private readonly seat: EngineSeat,
    name: string,
    life: string,
    private readonly onEnd: () => void,
  ) {
    this.#channel = tabs.channel(name, (message) => this.#onRequest(message as Request));
    watchLife(life, this.#over.signal, () => this.#end(), tabs.locks);
  }

  welcome(): void {
    this.#send({ is: 'welcome', summary: this.seat.summary });
  }

  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      for (const [serial, invocation] of this.#calls) if (isRepeatable(invocation)) this.#move(serial);
      this.#checkDrained();
    });
  }

  leave(): void {
    this.#send({ is: 'left', received: this.#received });
    this.drop();
  }

  drop(): void {
    this.#over.abort();
    this.#channel.close();
  }

  #send(answer: Answer): void {
    if (!this.#over.signal.aborted) this.#channel.post(answer);
  }

  #onRequest(request: Request): void {
    switch (request.is) {
      case 'enter':
        return void this.#clients.set(request.client, this.seat.session(request.user));
      case 'call':
        return this.#begin(request);
      case 'stream': {
        const { client, stream } = request;
        return this.#clients.get(client)?.stream(stream, (message) => this.#send({ is: 'told', client, id: stream.id, message }));
      }
      case 'cancel':
        return this.#clients.get(request.client)?.cancel(request.id);
      case 'end':
        void this.#clients.get(request.client)?.end();
        return void this.#clients.delete(request.client);
      case 'ping':
        return this.#send({ is: 'pong' });
      case 'bye':
        return this.#end();
      default:
        request satisfies never;
    }
  }

  #begin({ client, serial, invocation }: Call): void {
    this.#received = serial;
    const session = this.#clients.get(client);
    const isLeaving = this.#onDrained !== undefined;
    // A batch that was begun is let come to its end, as a call is.
    if (session === undefined || (isLeaving && !isOfBatch(invocation))) return this.#move(serial);
    this.#calls.set(serial, invocation);
    void this.#perform(session, serial, invocation);
  }

  async #perform(session: EngineSession, serial: number, invocation: Invocation): Promise<void> {
    const reply = await session.invoke(invocation);
    if (this.#calls.delete(serial)) this.#reply(serial, reply);
    this.#checkDrained();
  }

  #reply(serial: number, reply: Reply<unknown>): void {
    try {
      this.#send({ is: 'reply', serial, reply });
    } catch (e) {
      // More than there is room for.
      this.#send({ is: 'reply', serial, reply: { error: toErrorRecord(e) } });
    }
  }

  #move(serial: number): void {
    this.#calls.delete(serial);
    this.#send({ is: 'moved', serial });
  }

  #checkDrained(): void {
    const isBusy = this.#calls.size > 0 || [...this.#clients.values()].some((session) => session.isInBatch);
    if (!isBusy) this.#onDrained?.();
  }

  /** The relay is gone, by its own word or without. */
  #end(): void {
    if (this.#over.signal.aborted) return;
    this.drop();
    this.onEnd();
    this.#onDrained?.();
    for (const session of this.#clients.values()) void session.end();
    this.#clients.clear();
  }
}

function isOfBatch({ on, method, ...rest }: Invocation): boolean {
  return rest.batch !== undefined || (on === 'workspace' && (method === 'commitBatch' || method === 'abortBatch'));
}
