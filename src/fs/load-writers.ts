/* The one way to what is in `writers.ts`. A module that imports it otherwise brings it back into the worker. */

import { loadedOnce } from '../base/loaded-once.ts';

/** Loads what makes archives of workspaces. @throws {FsError} EIO with the cause when it cannot be loaded */
export const loadWriters = loadedOnce('the writer of archives (writers.js)', () => import('./writers.ts'));
