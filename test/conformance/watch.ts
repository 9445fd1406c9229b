/* watch, as an asynchronous iterator. */

import { describe, expect } from 'vitest';

import type { WatchEvent, WatchOptions } from '../../src/fs/api.ts';
import { dir, file, tree } from '../support/tree.ts';
import { type FactBody, type Suite, expectCode, fact, failureOf } from './scene.ts';

const seed = tree(file('a', 'A'), file('b', 'B'), dir('d', file('x', 'X'), dir('e', file('y', 'Y'))));

/** Collects events in the background; `until` resolves when one of them is the one looked for. */
function collect(
  [{ fs, at }, { onTestFinished }]: Parameters<FactBody>,
  path: string,
  options: WatchOptions = {},
): { readonly seen: WatchEvent[]; until(filename: string, type?: string): Promise<void> } {
  const controller = new AbortController();
  const seen: WatchEvent[] = [];
  let wake: () => void = () => undefined;
  const iterator = fs.watch(at(path), { ...options, signal: controller.signal });
  const ended = (async () => {
    for await (const event of { [Symbol.asyncIterator]: () => iterator }) {
      seen.push(event);
      wake();
    }
  })().catch((e: unknown) => {
    if ((e as Error).name !== 'AbortError') throw e;
  });
  onTestFinished(async () => {
    controller.abort();
    await ended;
  });
  const has = (filename: string, type: string | undefined): boolean =>
    seen.some((event) => event.filename === filename && (type === undefined || event.eventType === type));
  return {
    seen,
    async until(filename, type) {
      while (!has(filename, type)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

export const watchSuite: Suite = (stack) => {
  const needs = ['watch'] as const;
  describe('watch', () => {
    fact(stack, 'a name that comes or goes is a rename, content is a change', { seed, needs }, async (...shown) => {
      const [{ fs, at }] = shown;
      const events = collect(shown, '');
      await fs.writeFile(at('n'), '');
      await events.until('n', 'rename');
      await fs.appendFile(at('a'), '+');
      await events.until('a', 'change');
      await fs.unlink(at('b'));
      await events.until('b', 'rename');
      await fs.mkdir(at('m'));
      await events.until('m', 'rename');
    });
    fact(stack, 'a rename tells both names', { seed, needs }, async (...shown) => {
      const [scene] = shown;
      const events = collect(shown, '');
      await scene.fs.rename(scene.at('a'), scene.at('z'));
      await events.until('a', 'rename');
      await events.until('z', 'rename');
    });
    fact(stack, 'attributes are a change', { seed, needs }, async (...shown) => {
      const [scene] = shown;
      const events = collect(shown, '');
      await scene.fs.chmod(scene.at('a'), 0o600);
      await events.until('a', 'change');
      await scene.fs.utimes(scene.at('b'), 1, 1);
      await events.until('b', 'change');
    });
    fact(stack, 'writing through a handle is a change', { seed, needs }, async (...shown) => {
      const [scene] = shown;
      const handle = await scene.fs.open(scene.at('a'), 'r+');
      const events = collect(shown, '');
      await handle.write('x');
      await events.until('a', 'change');
      await handle.close();
    });
    fact(stack, 'one file can be watched', { seed, needs }, async (...shown) => {
      const [scene] = shown;
      const events = collect(shown, 'a');
      await scene.fs.writeFile(scene.at('b'), 'other');
      await scene.fs.writeFile(scene.at('a'), 'changed');
      await events.until('a', 'change');
      expect(events.seen.map(({ filename }) => filename)).not.toContain('b');
    });
    fact(stack, 'reading is no event', { seed, needs }, async (...shown) => {
      const [{ fs, at }] = shown;
      const events = collect(shown, '');
      await fs.readFile(at('a'));
      await fs.readdir(at());
      await fs.stat(at('b'));
      await (await fs.open(at('b'))).close();
      await fs.writeFile(at('marker'), '');
      await events.until('marker');
      expect(new Set(events.seen.map(({ filename }) => filename))).toEqual(new Set(['marker']));
    });
    fact(stack, 'without recursive, what happens deeper is not told', { seed, needs }, async (...shown) => {
      const [{ fs, at }] = shown;
      const events = collect(shown, '');
      await fs.writeFile(at('d/e/y'), 'changed');
      await fs.writeFile(at('marker'), '');
      await events.until('marker');
      expect(events.seen.map(({ filename }) => filename).filter((name) => name.includes('/'))).toEqual([]);
    });
    fact(stack, 'recursive tells paths relative to what is watched', { seed, needs: ['watch', 'watch-recursive'] }, async (...shown) => {
      const [{ fs, at }] = shown;
      const events = collect(shown, 'd', { recursive: true });
      await fs.writeFile(at('d/e/y'), 'changed');
      await events.until('e/y', 'change');
      await fs.writeFile(at('d/e/n'), '');
      await events.until('e/n', 'rename');
      await fs.rename(at('d/e'), at('d/f'));
      await events.until('f', 'rename');
      await fs.unlink(at('d/f/n'));
      await events.until('f/n', 'rename');
    });
    fact(stack, 'an aborted signal ends the iteration', { seed, needs }, async ({ fs, at }) => {
      const controller = new AbortController();
      const next = fs.watch(at(), { signal: controller.signal }).next();
      controller.abort();
      expect((await failureOf(next)).name).toBe('AbortError');
      const error = await failureOf(fs.watch(at(), { signal: AbortSignal.abort() }).next());
      expect([error.name, error.code]).toEqual(['AbortError', 'ABORT_ERR']);
    });
    fact(stack, 'leaving the loop ends it as well', { seed, needs }, async ({ fs, at }) => {
      const iterator = fs.watch(at());
      const first = iterator.next();
      await fs.writeFile(at('n'), '');
      expect((await first).done).toBe(false);
      expect((await iterator.return?.())?.done).toBe(true);
      expect((await iterator.next()).done).toBe(true);
    });
    fact(stack, 'what is missing cannot be watched', { seed, needs }, async ({ fs, at }) => {
      await expectCode((async () => fs.watch(at('no')).next())(), 'ENOENT');
    });
  });
};
