/* Runs a defined operation, now or with waiting, and words its errors: Node's syscall and the paths of the call. */

import { FsError } from '../base/errors.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Engine } from '../overlay/engine.ts';
import { toPath } from './arguments.ts';
import type { PathLike } from './api.ts';
import type { Definition } from './operations.ts';

/** A mounted union as one user sees it. */
export interface View {
  readonly engine: Engine;
  readonly user: Credentials;
}

/** What runs operations for a user: a mounted union, or a batch in it. */
export interface Runner {
  readonly engine: Pick<Engine, 'run'>;
  readonly user: Credentials;
}

/** Runs an operation; resolves when what it changed is committed. */
export async function perform<A extends unknown[], R>(
  { engine, user }: Runner,
  definition: Definition<A, R>,
  args: A,
  signal?: AbortSignal,
): Promise<R> {
  try {
    const { reads, isUnrecorded } = definition;
    return await engine.run(user, (call) => definition.run(call, ...args), { reads, isUnrecorded, signal });
  } catch (e) {
    throw located(e, definition, args);
  }
}

/** Runs an operation now. */
export function performSync<A extends unknown[], R>({ engine, user }: View, definition: Definition<A, R>, args: A): R {
  try {
    return engine.runSync(user, (call) => definition.run(call, ...args), definition);
  } catch (e) {
    throw located(e, definition, args);
  }
}

/** Errors of a commit are shared by everything that was in it: each call gets its own, with its own path. */
function located(e: unknown, { syscall, paths }: Pick<Definition<never, unknown>, 'syscall' | 'paths'>, args: readonly unknown[]): unknown {
  if (!(e instanceof FsError) || (e.syscall !== undefined && e.path === undefined)) return e;
  const [path, dest] = args as PathLike[];
  const context = { syscall, path: paths > 0 ? toPath(path!) : undefined, dest: paths > 1 ? toPath(dest!) : undefined };
  if (e.path === undefined && e.cause === undefined) return new FsError(e.code, { ...context, detail: e.detail });
  if (e.syscall !== undefined) return e;
  return new FsError(e.code, { ...context, detail: e.path === undefined ? e.detail : e.message, cause: e.cause ?? e });
}
