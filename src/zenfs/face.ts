/*
 * Runs operations of the engine for ZenFS. ZenFS checks permissions by its own contexts, so the engine's user is root without a
 * umask. Errors leave as ZenFS's exceptions. What a synchronous call finds not loaded is loaded in the background, so that the
 * same call succeeds when it is made again.
 */

import { FsError, isFsError } from '../base/errors.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Engine, Operation } from '../overlay/engine.ts';
import { toException } from './exception.ts';

const ROOT: Credentials = { uid: 0, gid: 0, umask: 0 };

/** What a synchronous operation on content needs beside: how to load that content. */
export interface Loading {
  readonly ino: number;
  /** Gathers what the operation needs, and changes nothing. */
  readonly load: Operation<unknown>;
}

export class Face {
  /** Inodes whose content is being loaded for synchronous calls. */
  readonly #loading = new Set<number>();
  /** Why loading failed last, until a call has told. */
  readonly #failures = new Map<number, unknown>();

  constructor(readonly engine: Engine) {}

  /** Resolves when what the operation changed is committed. `syscall` is for the message of an error. */
  run<T>(operation: Operation<T>, syscall?: string): Promise<T> {
    return this.#run(operation, false, syscall);
  }

  /** The same for an operation that only looks, and need not wait for a commit. */
  look<T>(operation: Operation<T>, syscall?: string): Promise<T> {
    return this.#run(operation, true, syscall);
  }

  async #run<T>(operation: Operation<T>, reads: boolean, syscall: string | undefined): Promise<T> {
    try {
      return await this.engine.run(ROOT, operation, { reads });
    } catch (e) {
      throw toException(e, { syscall });
    }
  }

  /** @throws {ErrnoError} EAGAIN when content is not loaded yet: it will be soon */
  runSync<T>(operation: Operation<T>, syscall?: string, loading?: Loading): T {
    try {
      return this.engine.runSync(ROOT, operation);
    } catch (e) {
      throw toException(isFsError(e, 'EAGAIN') && loading !== undefined ? this.#loadLater(loading, e) : e, { syscall });
    }
  }

  /** Resolves when everything changed so far is committed. */
  async flush(): Promise<void> {
    try {
      await this.engine.flush();
    } catch (e) {
      throw toException(e, { syscall: 'sync' });
    }
  }

  /** Starts loading, and gives what the call throws: EAGAIN, or why loading has failed. */
  #loadLater({ ino, load }: Loading, reason: FsError): unknown {
    const failure = this.#failures.get(ino);
    this.#failures.delete(ino);
    if (failure !== undefined) return failure;
    if (!this.#loading.has(ino)) {
      this.#loading.add(ino);
      this.engine
        .run(ROOT, load, { reads: true })
        .catch((e: unknown) => this.#failures.set(ino, e))
        .finally(() => this.#loading.delete(ino));
    }
    return new FsError('EAGAIN', {
      detail: 'its content is being loaded: try again later, or read it asynchronously',
      cause: reason.cause,
    });
  }
}
