/*
 * A batch: operations that become one commit, all of them or none. They run on a fork of the tree, which nobody else sees; each is
 * noted with its answer. The commit runs them again on the tree itself, as one operation, and goes through only if every answer is
 * the same: then it is as if the whole batch had happened at that moment. So a batch neither shows its middle nor holds anybody up,
 * whatever it waits for, and there is no lock that two of them could wait for.
 *
 * Who waits for whom: the commit waits for the batch's own calls; nothing waits for a batch.
 */

import { isSameBytes } from '../base/bytes.ts';
import { FsError, isFsError } from '../base/errors.ts';
import type { Call, Credentials } from './call.ts';
import type { Engine, Operation, RunOptions } from './engine.ts';
import { Gathered, NotResident } from './gather.ts';
import { StagingStore, overtaken } from './staging.ts';

/** Bytes of content that a batch may write: they are in memory until it is committed. */
const MAX_BATCH_BYTES = 256 << 20;

/** How an operation ended: with an answer, or with an error's code. */
type Outcome = { readonly answer: unknown } | { readonly error: string };

interface Step {
  readonly user: Credentials;
  readonly now: number;
  readonly operation: Operation<unknown>;
  readonly outcome: Outcome;
}

export class Batch {
  readonly #fork: Engine;
  readonly #staging: StagingStore;
  /** What the operations read from lowers, and from chunks that the workspace had: it will be read once more. */
  readonly #gathered: Gathered;
  readonly #steps: Step[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  /** Why it cannot be committed. */
  #failure: FsError | undefined;
  /** *committing* indicates that the batch takes no more calls. Therefore what it does is final. *over*: it has no effect any more. */
  #state: 'open' | 'committing' | 'over' = 'open';

  constructor(
    private readonly engine: Engine,
    limit = MAX_BATCH_BYTES,
  ) {
    this.#staging = new StagingStore(engine.commits, limit);
    this.#fork = engine.fork(this.#staging);
    this.#gathered = new Gathered(engine.tree.layers, engine.commits);
  }

  /** Runs an operation in the batch. @throws {FsError} what it throws; ENOMEM, EDQUOT and EAGAIN, after which the batch cannot be committed; EINVAL when it is over */
  async run<T>(user: Credentials, operation: Operation<T>, options: RunOptions = {}): Promise<T> {
    if (this.#state !== 'open') throw new FsError('EINVAL', { detail: 'the batch is over' });
    const running = this.#fork.run(user, (call) => this.#noted(call, operation), options);
    const settled = running.catch(() => undefined); // the caller hears of it
    this.#pending.add(settled);
    try {
      return await running;
    } catch (e) {
      // Noted before this was known, or not at all: what the caller makes of an answer that others have made impossible cannot be repeated.
      if (isFsError(e, 'ENOMEM') || isFsError(e, 'EDQUOT') || isFsError(e, 'EAGAIN')) this.#failure ??= e;
      throw e;
    } finally {
      this.#pending.delete(settled);
    }
  }

  #noted<T>(call: Call, operation: Operation<T>): T {
    const { user, now } = call;
    const note = (outcome: Outcome): void => {
      this.#gathered.adopt(call.gathered, this.#fork.tree.firstNewChunk);
      this.#steps.push({ user, now, operation, outcome });
    };
    try {
      const answer = operation(call);
      note({ answer: keep(answer) });
      return answer;
    } catch (e) {
      if (e instanceof FsError) note({ error: e.code });
      throw e;
    }
  }

  /**
   * Makes the batch happen; resolves when it is committed.
   * @throws {FsError} EAGAIN when others changed what it had seen, ENOSPC or EIO when the commit failed: then nothing of it happened.
   */
  async commit(): Promise<void> {
    if (this.#state !== 'open') throw new FsError('EINVAL', { detail: 'the batch is over' });
    this.#state = 'committing';
    await Promise.all(this.#pending);
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.engine.run({ uid: 0, gid: 0 }, (call) => this.#repeat(call));
    } finally {
      this.abort();
    }
  }

  /** Gives the batch up. Does nothing when it is over. */
  abort(): void {
    this.#state = 'over';
    this.#steps.length = 0;
    void this.#staging.close();
  }

  #repeat(call: Call): void {
    if (this.#state === 'over') throw new FsError('ECANCELED', { detail: 'the batch was given up' });
    call.gathered.adopt(this.#gathered);
    for (const { user, now, operation, outcome } of this.#steps) {
      // One that fails again must leave nothing behind again, though the others are kept.
      const again = outcomeOf(() => call.tree.atomically(() => operation({ ...call, user, now })));
      if (!isSame(outcome, again)) throw overtaken();
    }
  }
}

function outcomeOf(operation: () => unknown): Outcome {
  try {
    return { answer: operation() };
  } catch (e) {
    if (e instanceof NotResident || !(e instanceof FsError)) throw e;
    return { error: e.code };
  }
}

/** An answer that stays as it is, whatever its owner does with the bytes. */
function keep(answer: unknown): unknown {
  return answer instanceof Uint8Array ? answer.slice() : answer;
}

function isSame(one: Outcome, other: Outcome): boolean {
  if ('error' in one || 'error' in other) return 'error' in one && 'error' in other && one.error === other.error;
  const [was, is] = [one.answer, other.answer];
  if (was instanceof Uint8Array) return is instanceof Uint8Array && isSameBytes(was, is);
  return meaning(was) === meaning(is);
}

/** A text that two answers share when they say the same: names in whatever order, and without inode numbers, which what is new gets anew. */
function meaning(answer: unknown): string {
  if (Array.isArray(answer)) return answer.map(meaning).sort().join();
  return JSON.stringify(answer, (name, value: unknown) => (name === 'ino' ? undefined : value));
}
