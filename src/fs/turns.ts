/* Work that takes long lets others have their turn, and ends when it should. */

import { assertNotAborted } from '../base/errors.ts';
import type { Engine } from '../overlay/engine.ts';

/** Milliseconds after which others have theirs. */
const TURN_MS = 20;

export class Turns {
  #since = performance.now();

  constructor(
    private readonly engine: Engine,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** The turn is over. */
  get isDue(): boolean {
    return performance.now() - this.#since >= TURN_MS;
  }

  /** @throws {AbortError} when the signal has fired @throws {FsError} EIO when the workspace is closed */
  assertWanted(): void {
    assertNotAborted(this.signal);
    this.engine.assertOpen();
  }

  /** Lets others run. @throws as `assertWanted`, of what happened meanwhile */
  async pass(): Promise<void> {
    await new Promise<void>((resolve) => void setTimeout(resolve));
    this.assertWanted();
    this.#since = performance.now();
  }
}
