/*
 * A session that is not ended in the middle of a call that changes something: such a call is answered first. So whoever hears that the
 * workspace is closed knows that the call has not happened, also where others go on using the engine.
 *
 * Who waits for whom: the end waits for calls under way, which all have limits of their own.
 */

import { FsError, toErrorRecord } from '../base/errors.ts';
import { isRepeatable } from './repeatable.ts';
import type { Outcome, Session, StreamOutcome } from './session.ts';
import type { Invocation, StreamRequest } from './wire.ts';

export class FinishingSession implements Session {
  readonly #changing = new Set<Promise<Outcome>>();
  #ending: Promise<void> | undefined;

  constructor(private readonly session: Session) {}

  invoke(invocation: Invocation): Promise<Outcome> {
    if (this.#ending !== undefined) return Promise.resolve(closed());
    const call = this.session.invoke(invocation);
    if (!isRepeatable(invocation)) {
      this.#changing.add(call);
      void call.then(() => this.#changing.delete(call));
    }
    return call;
  }

  stream(request: StreamRequest, tell: (message: StreamOutcome) => void): void {
    if (this.#ending !== undefined) tell(closed());
    else this.session.stream(request, tell);
  }

  cancel(id: number): void {
    this.session.cancel(id);
  }

  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#changing);
    await this.session.end();
  }
}

const closed = (): { readonly error: ReturnType<typeof toErrorRecord> } => ({
  error: toErrorRecord(new FsError('EIO', { detail: 'the workspace is closed' })),
});
