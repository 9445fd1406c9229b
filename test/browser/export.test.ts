/* Exports through the packaged worker: streams to where a page wants them, and mounted again. */

import { unzipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { open, type OpenOptions, type Workspace } from '../../src/index.ts';

const opened: Workspace[] = [];

async function openNew(options: Partial<OpenOptions> = {}): Promise<Workspace> {
  const ws = await open({ lower: [], ...options });
  opened.push(ws);
  return ws;
}

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
});

const noise = (length: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

/** Megabytes are compared faster than `toEqual` does. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

test('what is exported as a layer is a lower of the next workspace', async () => {
  const ws = await openNew({ name: `export-${crypto.randomUUID()}` });
  const content = noise(5_000_000);
  await ws.fs.mkdir('/folder');
  await ws.fs.writeFile('/folder/big', content);
  await ws.fs.writeFile('/gone', 'x');
  await ws.fs.link('/folder/big', '/linked');
  const base = await new Response(ws.export({ format: 'oci-layer' })).blob();
  await ws.fs.unlink('/gone');
  await ws.fs.rename('/folder', '/renamed');
  await ws.fs.writeFile('/new', 'y');

  const lower = [{ url: URL.createObjectURL(base), whiteouts: 'oci' as const }];
  const next = await openNew({ lower });
  expect(await next.fs.readdir('/')).toEqual(['folder', 'gone', 'linked']);
  expect((await next.fs.stat('/linked')).nlink).toBe(2);
  expect(isSame(await next.fs.readFile('/folder/big'), content)).toBe(true);
  await next.fs.unlink('/gone');
  await next.fs.rename('/folder', '/renamed');
  const layer = await new Response(next.export({ format: 'oci-layer' }).pipeThrough(new CompressionStream('gzip'))).blob();
  const last = await openNew({ lower: [{ url: URL.createObjectURL(layer), whiteouts: 'oci' }, ...lower] });
  expect(await last.fs.readdir('/')).toEqual(['linked', 'renamed']);
  expect(isSame(await last.fs.readFile('/renamed/big'), content)).toBe(true);
});

test('a zip that is piped into a file of the page', async () => {
  const ws = await openNew();
  const content = noise(3_000_000);
  await ws.fs.writeFile('/big', content);
  await ws.fs.writeFile('/text', 'text '.repeat(10_000));
  const told: number[] = [];
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const [archive] = await Promise.all([
    new Response(readable).arrayBuffer(),
    ws.export({ format: 'zip', onProgress: ({ loaded, total }) => told.push(loaded / total) }).pipeTo(writable),
  ]);
  expect(archive.byteLength).toBeLessThan(3_010_000);
  const files = unzipSync(new Uint8Array(archive));
  expect(isSame(files['big']!, content)).toBe(true);
  expect(new TextDecoder().decode(files['text'])).toBe('text '.repeat(10_000));
  expect(told.at(-1)).toBe(1);
  expect(await ws.snapshots()).toEqual([]);
});
