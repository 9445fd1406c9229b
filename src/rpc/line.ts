/*
 * The relay's end of its line to the owner. It sends the calls of the relay's clients and passes on what comes back; it does not
 * know what becomes of a call whose owner is gone (following-session.ts does).
 */

import { toErrorRecord } from '../base/errors.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Channel } from './connect.ts';
import type { Tabs } from './ownership.ts';
import type { Outcome, Session, StreamOutcome } from './session.ts';
import type { Answer, Request } from './tab-wire.ts';
import type { Invocation, StreamRequest, Summary } from './wire.ts';

/** What a line tells its seat. */
export interface LineObserver {
  /** The owner has come to the other end. */
  onWelcome(summary: Summary): void;
  /** The owner has answered everything that it had begun, and is gone. */
  onLeft(): void;
  /** The owner said anything at all: it is not frozen. */
  onHeard(): void;
}

export class Line {
  readonly name: string;
  readonly #channel: Channel;
  /** Calls without an answer, by serial. An answer that nobody waits for any more is dropped. */
  readonly #calls = new Map<number, (outcome: Outcome) => void>();
  readonly #streams = new Map<string, (message: StreamOutcome) => void>();
  #serial = 0;
  #clients = 0;

  constructor(
    tabs: Tabs,
    workspace: string,
    private readonly observer: LineObserver,
  ) {
    this.name = `stratafs:${workspace}:${crypto.randomUUID()}`;
    this.#channel = tabs.channel(this.name, (message) => this.#onAnswer(message as Answer));
  }

  /** A session of one of the relay's clients at the owner. */
  session(user: Credentials): Session {
    const client = ++this.#clients;
    this.#send({ is: 'enter', client, user });
    return {
      invoke: (invocation) => this.#invoke(client, invocation),
      stream: (stream, tell) => this.#stream(client, stream, tell),
      cancel: (id) => {
        this.#streams.delete(`${client} ${id}`);
        this.#send({ is: 'cancel', client, id });
      },
      end: () => {
        this.#send({ is: 'end', client });
        return Promise.resolve();
      },
    };
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.#send({ is: 'ping' });
  }

  /** Lets go of the owner. Calls without an answer stay without. */
  close(): void {
    this.#send({ is: 'bye' });
    this.#channel.close();
    this.#calls.clear();
    this.#streams.clear();
  }

  #send(request: Request): void {
    this.#channel.post(request);
  }

  #invoke(client: number, invocation: Invocation): Promise<Outcome> {
    const serial = ++this.#serial;
    return new Promise((resolve) => {
      this.#calls.set(serial, resolve);
      try {
        this.#send({ is: 'call', client, serial, invocation });
      } catch (e) {
        // What could come from the page cannot go on to another tab: shared memory, or more than there is room for.
        this.#settle(serial, { error: toErrorRecord(e) });
      }
    });
  }

  #stream(client: number, stream: StreamRequest, tell: (message: StreamOutcome) => void): void {
    this.#streams.set(`${client} ${stream.id}`, tell);
    this.#send({ is: 'stream', client, stream });
  }

  #onAnswer(answer: Answer): void {
    this.observer.onHeard();
    switch (answer.is) {
      case 'welcome':
        return this.observer.onWelcome(answer.summary);
      case 'reply':
        return this.#settle(answer.serial, answer.reply);
      case 'moved':
        return this.#settle(answer.serial, { moved: true });
      case 'told':
        return this.#tell(`${answer.client} ${answer.id}`, answer.message);
      case 'left':
        for (const serial of this.#calls.keys()) if (serial > answer.received) this.#settle(serial, { moved: true });
        // Those calls hear it first.
        return queueMicrotask(() => this.observer.onLeft());
      case 'pong':
        return;
      default:
        answer satisfies never;
    }
  }

  #settle(serial: number, outcome: Outcome): void {
    this.#calls.get(serial)?.(outcome);
    this.#calls.delete(serial);
  }

  #tell(key: string, message: StreamOutcome): void {
    this.#streams.get(key)?.(message);
    if (!('item' in message)) this.#streams.delete(key);
  }
}
