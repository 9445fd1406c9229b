/* The surface of a batch: the calls of `fs.promises` that a path is enough for. */

import { Batch as EngineBatch } from '../overlay/batch.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Engine } from '../overlay/engine.ts';
import type { BatchFs } from './api.ts';
import { signalOf } from './arguments.ts';
import { type OperationName, operations } from './operations.ts';
import { perform } from './perform.ts';

/** A batch that was begun. It has no effect until `commit()`; `abort()`, or nothing at all, gives it up. */
export interface Batch {
  readonly fs: BatchFs;
  /** Resolves when all of it is committed. @throws {FsError} EAGAIN, ENOMEM, ENOSPC, EDQUOT, EIO: nothing of it happened */
  commit(): Promise<void>;
  abort(): void;
}

/** A name made at random would be another one when the batch is committed. */
type BatchMethod = Exclude<OperationName, 'mkdtemp'>;

const methods = (Object.keys(operations) as OperationName[]).filter((name): name is BatchMethod => name !== 'mkdtemp');

/** Begins a batch on behalf of a user. `limit`: bytes of content that it may write. */
export function beginBatch(engine: Engine, user: Credentials, limit?: number): Batch {
  const batch = new EngineBatch(engine, limit);
  const calls = methods.map((name) => [
    name,
    (...args: never[]) => perform({ engine: batch, user }, operations[name] as never, own(args), signalOf(args)),
  ]);
  return {
    fs: Object.fromEntries(calls) as BatchFs,
    commit: () => batch.commit(),
    abort: () => batch.abort(),
  };
}

/** Arguments that stay as they are: a batch runs its calls once more when it is committed. */
function own(args: readonly unknown[]): never[] {
  return args.map((arg) => {
    if (ArrayBuffer.isView(arg)) return new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength).slice();
    return arg instanceof ArrayBuffer ? new Uint8Array(arg.slice(0)) : arg;
  }) as never[];
}
