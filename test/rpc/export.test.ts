/* Exports from the page: a stream that takes what is made, and ends what is not wanted any more. */

import 'fake-indexeddb/auto';
import { getEventListeners } from 'node:events';
import { unzipSync } from 'fflate';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Overlay } from '../../src/fs/overlay.ts';
import { open, type OpenOptions, type Workspace } from '../../src/index.ts';
import { noise } from '../support/noise.ts';
import { LocalBrowser } from './local-tabs.ts';
import { localWorker } from './local-worker.ts';

const opened: Workspace[] = [];
let overlay: Overlay | undefined;

async function openNew(options: Partial<OpenOptions> = {}): Promise<Workspace> {
  const { worker } = localWorker({ onMount: (mounted) => void (overlay = mounted) });
  const ws = await open({ lower: [], worker, ...options });
  opened.push(ws);
  return ws;
}

const left = (): unknown[] => [...overlay!.engine.tree.history.snapshots.list];
const bytesOf = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> =>
  new Uint8Array(await new Response(stream).arrayBuffer());

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
});

describe('export', () => {
  test('gives an archive of the moment, with progress', async () => {
    const ws = await openNew();
    const content = noise(2_500_000, 1);
    await ws.fs.writeFile('/big', content);
    await ws.fs.writeFile('/small', 'x');
    const told: number[] = [];
    const archive = unzipSync(await bytesOf(ws.export({ format: 'zip', onProgress: ({ loaded }) => told.push(loaded) })));
    expect(Object.keys(archive)).toEqual(['big', 'small']);
    expect(Buffer.from(archive['big']!).equals(content)).toBe(true);
    expect(told.at(-1)).toBe(2_500_001);
    expect(left()).toEqual([]);
  });

  test('makes no more than is taken, and lets go of it when it is cancelled', async () => {
    const ws = await openNew();
    await ws.fs.writeFile('/big', noise(20_000_000, 2));
    let made = 0;
    const original = overlay!.export.bind(overlay);
    vi.spyOn(overlay!, 'export').mockImplementation(async function* (options) {
      for await (const piece of original(options)) {
        made++;
        yield piece;
      }
    });
    const reader = ws.export().getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(made).toBeLessThanOrEqual(3); // of more than twenty
    expect(left()).toHaveLength(1);
    await reader.cancel();
    await vi.waitFor(() => expect(left()).toEqual([]));
    await ws.fs.writeFile('/more', 'x');
    expect(await ws.check()).toEqual([]);
  });

  test('fails as a stream does: of no such snapshot, by a signal, for others than root, with the workspace', async () => {
    const ws = await openNew();
    await ws.fs.writeFile('/big', noise(5_000_000, 3));
    await expect(bytesOf(ws.export({ snapshot: 77 }))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(bytesOf(ws.export({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ name: 'AbortError' });
    const controller = new AbortController();
    const aborted = bytesOf(ws.export({ signal: controller.signal, onProgress: () => controller.abort() }));
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(left()).toEqual([]));
    const guest = await openNew({ user: { uid: 1000, gid: 1000 } });
    await expect(bytesOf(guest.export())).rejects.toMatchObject({ code: 'EPERM' });
    const reader = ws.export().getReader();
    await reader.read();
    await ws.close();
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toMatchObject({ code: 'EIO' });
  });
});

test('leaves nothing at a signal that lives on: read to its end, cancelled, failed', async () => {
  const ws = await openNew();
  await ws.fs.writeFile('/big', noise(3_000_000, 5));
  const { signal } = new AbortController();
  await bytesOf(ws.export({ signal }));
  await ws.export({ signal }).cancel();
  await expect(bytesOf(ws.export({ signal, snapshot: 77 }))).rejects.toMatchObject({ code: 'ENOENT' });
  await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]));
});

test('a tab that has not the engine gets the same; when the owner goes in the middle, ESTALE', async () => {
  const browser = new LocalBrowser(200);
  const name = 'export-tabs';
  const [owner, relay] = [browser.tab({}), browser.tab({})];
  const first = await open({ lower: [], name, worker: owner.worker });
  await first.fs.writeFile('/big', noise(3_000_000, 4));
  const second = await open({ lower: [], name, worker: relay.worker });
  opened.push(second);
  expect((await bytesOf(second.export())).length).toBeGreaterThan(3_000_000);
  const reader = second.export().getReader();
  await reader.read();
  await first.close();
  await expect(
    (async () => {
      while (!(await reader.read()).done);
    })(),
  ).rejects.toMatchObject({ code: 'ESTALE' });
  expect(await second.snapshots()).toEqual([]);
  expect((await bytesOf(second.export())).length).toBeGreaterThan(3_000_000);
});
