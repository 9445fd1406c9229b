/* Images and directories as lowers of a workspace, beside archives. */

import 'fake-indexeddb/auto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type OpenOptions, type Progress, type Workspace, open } from '../../src/index.ts';
import { indexDirectory } from '../../src/pack.ts';
import { tarArchive } from '../support/archives.ts';
import { ImageFolder, named } from '../support/images.ts';
import { startRangeServer } from '../support/range-server.ts';
import { registryAnswer, startSite } from '../support/registry.ts';
import { type LocalWorker, localWorker } from './local-worker.ts';

const file = (name: string, content: string) => ({ name, content });
const folder = new ImageFolder();
const image = folder.image({
  layers: [
    [file('a', 'below'), file('gone', 'x')],
    [file('a', 'above'), file('.wh.gone', '')],
  ],
});
folder.layout([named(image, 'v1')]).files.set('top.tar', tarArchive([file('b', 'top')]));

const workers: LocalWorker[] = [];
const opened: Workspace[] = [];
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
  for (const local of workers.splice(0)) local.kill();
});

async function openIn(options: OpenOptions): Promise<Workspace> {
  const local = localWorker();
  workers.push(local);
  const ws = await open({ ...options, worker: local.worker });
  opened.push(ws);
  return ws;
}

test('an image gives its layers between those of archives, and an upper goes with it alone', async () => {
  await using host = await startRangeServer({ files: folder.files });
  const seen: Progress[] = [];
  const lower = [{ url: `${host.url}/top.tar` }, { oci: new URL(host.url), ref: 'v1' }, { oci: host.url, at: '/again' }];
  const ws = await openIn({ name: 'images', lower, onProgress: (progress) => seen.push(progress) });
  expect(ws.layers.map(({ at }) => at)).toEqual(['/', '/', '/', '/again', '/again']);
  expect((await ws.fs.readdir('/')).sort()).toEqual(['a', 'again', 'b']);
  expect(await ws.fs.readFile('/a', 'utf8')).toBe('above');
  expect(await ws.fs.readdir('/again')).toEqual(['a']);
  expect(new Set(seen.map(({ url }) => url))).toEqual(new Set([`${host.url}/top.tar`, `${host.url}/`, `${host.url}/`]));
  await ws.fs.writeFile('/a', 'changed');
  await ws.close();
  const again = await openIn({ name: 'images', lower });
  expect(await again.fs.readFile('/a', 'utf8')).toBe('changed');
  await again.close();
  await expect(openIn({ name: 'images', lower: lower.slice(1) })).rejects.toMatchObject({ code: 'ESTALE' });
});

test('a directory on a host is a lower, too', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'lower-'));
  writeFileSync(join(tree, 'a'), 'out of a directory');
  writeFileSync(join(tree, 'index.stratafs.json'), (await indexDirectory(tree)).bytes);
  await using host = await startRangeServer({ files: tree });
  const ws = await openIn({ lower: [{ directory: new URL(host.url), at: '/d' }] });
  expect(await ws.fs.readFile('/d/a', 'utf8')).toBe('out of a directory');
  expect(await ws.recordAccess()).toEqual([['/d/a']]);
  expect(await ws.verify()).toEqual([]);
  rmSync(tree, { recursive: true });
});

test('out of a registry, with a login', async () => {
  const login = { username: 'somebody', password: 'secret' };
  await using registry = await startSite(({ path, authorization }) =>
    authorization === `Basic ${btoa('somebody:secret')}`
      ? registryAnswer(folder, { v1: image }, path)
      : { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } },
  );
  const ws = await openIn({ lower: [{ image: 'registry.example/team/tool:v1', registry: registry.url, login }] });
  expect(await ws.fs.readFile('/a', 'utf8')).toBe('above');
  await expect(openIn({ lower: [{ image: 'team/tool:v1', registry: registry.url }] })).rejects.toMatchObject({ code: 'EACCES' });
  await expect(openIn({ lower: [{ image: 'team/tool:v2', registry: registry.url, login }] })).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(openIn({ lower: [{ image: 'team/tool', login }] })).rejects.toThrow(TypeError);
});
