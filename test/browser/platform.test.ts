/* What the browser project's pages are: an ordinary secure page, without the headers of cross-origin isolation. */

import { expect, test } from 'vitest';

test('the tests run in a page that is not cross-origin isolated', () => {
  expect(globalThis.crossOriginIsolated).toBe(false);
  expect(globalThis.isSecureContext).toBe(true);
});

test('IndexedDB, Web Locks and module workers are there', async () => {
  expect(typeof indexedDB.open).toBe('function');
  expect(await navigator.locks.request('platform-test', () => 'held')).toBe('held');
  const script = new Blob(["postMessage('alive')"], { type: 'text/javascript' });
  const url = URL.createObjectURL(script);
  const worker = new Worker(url, { type: 'module' });
  const first = await new Promise((resolve) => worker.addEventListener('message', (event) => resolve(event.data)));
  worker.terminate();
  URL.revokeObjectURL(url);
  expect(first).toBe('alive');
});
