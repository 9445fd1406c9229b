/* What is known of the origin's storage where the browser answers, refuses, or says nothing. */

import { afterEach, expect, test, vi } from 'vitest';
import { storageEstimate } from '../../../src/storage/estimate.ts';

afterEach(() => vi.unstubAllGlobals());

const never = (): Promise<never> => new Promise(() => undefined);
const refuse = (): Promise<never> => Promise.reject(new TypeError('not in a sandboxed frame'));

const NOTHING = { origin: undefined, persisted: false };

test.each([
  [
    'answers',
    { estimate: async () => ({ usage: 1, quota: 2 }), persisted: async () => true },
    { origin: { used: 1, quota: 2 }, persisted: true },
  ],
  ['has nothing to be asked', {}, NOTHING],
  ['refuses', { estimate: refuse, persisted: refuse }, NOTHING],
  ['never answers', { estimate: never, persisted: never }, NOTHING],
  ['answers one of two questions', { estimate: never, persisted: async () => true }, { ...NOTHING, persisted: true }],
])('a browser that %s', async (_, storage, expected) => {
  vi.stubGlobal('navigator', { storage });
  expect(await storageEstimate(20)).toEqual(expected);
});
