/* The one way to what is in `formats.ts`. A module that imports it otherwise brings it back into the worker. */

import { loadedOnce } from '../base/loaded-once.ts';

/**
 * Loads the readers of formats that few applications need. The same ones at every call.
 *
 * @param archive what needs them, for messages
 * @throws {FsError} EIO with the cause when they cannot be loaded.
 */
export const loadFormats = loadedOnce('the reader of this format (formats.js)', () => import('./formats.ts'));
