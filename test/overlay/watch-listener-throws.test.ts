/* A listener that throws: the exception is uncaught, as in Node, and nobody else is the worse for it. */

import { expect, onTestFinished, test } from 'vitest';

import { Bench } from '../support/bench.ts';
import { faultyUpper } from '../support/faulty-upper.ts';

/** Collects exceptions that nobody catches, until the test ends. */
function uncaught(): unknown[] {
  const before = process.listeners('uncaughtException');
  const seen: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (e) => seen.push(e));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
  });
  return seen;
}

test('a listener that throws holds up no commit, and no other listener', async () => {
  const exceptions = uncaught();
  const upper = faultyUpper();
  const on = await Bench.mount([], { upper });
  const heard: string[] = [];
  const watchers = [
    on.sync.watch('/', () => {
      throw new Error('of the application');
    }),
    on.sync.watch('/', (_, filename) => heard.push(filename)),
  ];
  const release = upper.hold();
  const first = on.fs.writeFile('/1', '');
  await new Promise((resolve) => setTimeout(resolve));
  const second = on.fs.writeFile('/2', ''); // waits for the commit that is under way
  release();
  await Promise.all([first, second]);
  await new Promise((resolve) => setTimeout(resolve));
  for (const watcher of watchers) watcher.close();
  expect([...new Set(heard)]).toEqual(['1', '2']);
  expect(exceptions.map(String)).toEqual(heard.map(() => 'Error: of the application'));
});
