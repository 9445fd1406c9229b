/* Code that is loaded when it is needed: beside the packaged worker it lies in files of its own, elsewhere in chunks. */

import { FsError } from './errors.ts';

/**
 * Makes a function that loads something at its first call, and gives the same at every later one. After a failure the next call
 * tries again: offline now need not be offline later.
 *
 * @param what is loaded, with the name of its file beside the worker, for messages
 * @returns takes what needs it, an archive's name if there is one; throws the FsError that `load` does, and EIO with the cause instead of
 *   any other error
 */
export function loadedOnce<T>(what: string, load: () => Promise<T>): (archive?: string) => Promise<T> {
  let loading: Promise<T> | undefined;
  return async (path) => {
    loading ??= load();
    try {
      return await loading;
    } catch (cause) {
      loading = undefined;
      if (cause instanceof FsError) throw new FsError(cause.code, { path, detail: cause.detail, cause: cause.cause });
      throw new FsError('EIO', { path, detail: `${what}, a file of its own beside the worker, cannot be loaded`, cause });
    }
  };
}
