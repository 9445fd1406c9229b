import { expect, test } from 'vitest';
import { FsError } from '../../../src/base/errors.ts';
import { loadedOnce } from '../../../src/base/loaded-once.ts';

test('what is loaded is loaded once, also for those who ask meanwhile', async () => {
  let loads = 0;
  const load = loadedOnce('a part', () => Promise.resolve({ number: ++loads }));
  const [first, second] = await Promise.all([load('a.zip'), load('b.zip')]);
  expect(first).toBe(second);
  expect(await load('c.zip')).toBe(first);
  expect(loads).toBe(1);
});

test('after a failure the next call tries again; the error says which archive needs what', async () => {
  const cause = new TypeError('Failed to fetch dynamically imported module');
  let offline = true;
  const load = loadedOnce('the part (part.js)', () => (offline ? Promise.reject(cause) : Promise.resolve('loaded')));
  await expect(load('a.zip')).rejects.toMatchObject({
    code: 'EIO',
    path: 'a.zip',
    detail: 'the part (part.js), a file of its own beside the worker, cannot be loaded',
    cause,
  });
  offline = false;
  expect(await load('a.zip')).toBe('loaded');
});

test('an error of its own is told as it is, with the archive', async () => {
  const load = loadedOnce('a part', () => Promise.reject(new FsError('ENOTSUP', { detail: 'it needs WebAssembly' })));
  await expect(load('a.zip')).rejects.toMatchObject({ code: 'ENOTSUP', path: 'a.zip', detail: 'it needs WebAssembly' });
});
