/* The backend's options, as `configure()` takes them. */

import 'fake-indexeddb/auto';
import { configure, configureSync, fs, mounts, resolveMountConfig } from '@zenfs/core';
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';

import { Overlay as Union } from '../../../src/fs/overlay.ts';
import { memoryUpper } from '../../../src/upper/memory-store.ts';
import { Overlay } from '../../../src/zenfs/backend.ts';
import { OverlayFS } from '../../../src/zenfs/overlay-fs.ts';
import { lower } from '../../support/memory-layer.ts';
import { file } from '../../support/tree.ts';
import { thrownBy } from './mounted.ts';

const zip = () =>
  zipSync({ 'package.json': new TextEncoder().encode('{}'), 'pkg/src/a': new TextEncoder().encode('A') }, { mtime: '2026-01-01' });

function mountedAt(point: string): OverlayFS {
  const mounted = mounts.get(point);
  if (!(mounted instanceof OverlayFS)) throw new Error(`no union at ${point}`);
  return mounted;
}

test('archives are opened with their options, layers are taken as they are, and what is written is there after a remount', async () => {
  const layer = lower(file('from-layer', 'L'));
  const mount = () =>
    configure({
      mounts: { '/': { backend: Overlay, lower: [{ bytes: zip(), at: '/node_modules', strip: 1 }, layer], upper: 'configure-1' } },
    });
  await mount();
  expect(fs.readFileSync('/from-layer', 'utf8')).toBe('L');
  expect(fs.readFileSync('/node_modules/src/a', 'utf8')).toBe('A');
  await fs.promises.writeFile('/n', 'kept');
  await fs.promises.rm('/node_modules', { recursive: true });
  await mountedAt('/').close();

  await mount();
  expect(fs.readFileSync('/n', 'utf8')).toBe('kept');
  expect(fs.readdirSync('/').sort()).toEqual(['from-layer', 'n']);
  await mountedAt('/').close();
  expect(thrownBy(() => fs.readFileSync('/n')).code).toBe('EIO');
});

test('an upper over other lowers is ESTALE, and can be mounted over the right ones afterwards', async () => {
  const mount = (content: string) => resolveMountConfig({ backend: Overlay, lower: [lower(file('a', content))], upper: 'configure-2' });
  await (await mount('A')).close();
  await expect(mount('B')).rejects.toMatchObject({ code: 'ESTALE', errno: 116 });
  await (await mount('A')).close();
});

test('an archive that is none fails the mounting with EINVAL, and lets the workspace go', async () => {
  const failing = resolveMountConfig({ backend: Overlay, lower: [{ bytes: new Uint8Array(2000).fill(65) }], upper: 'configure-3' });
  await expect(failing).rejects.toMatchObject({ code: 'EINVAL' });
  await (await resolveMountConfig({ backend: Overlay, upper: 'configure-3' })).close();
});

test('a union that is mounted already is served as it is, by configureSync too, and stays open', async () => {
  const overlay = await Union.mount({ lower: [lower(file('a', 'A'))], upper: memoryUpper() });
  configureSync({ mounts: { '/': { backend: Overlay, overlay } } });
  fs.writeFileSync('/b', 'B');
  expect(overlay.fs.readFileSync('/b', 'utf8')).toBe('B');
  expect(mountedAt('/').overlay).toBe(overlay);
  await mountedAt('/').close();
  expect(overlay.fs.readFileSync('/a', 'utf8')).toBe('A');
  await overlay.close();
});

test('options that contradict each other, or are of a wrong type, are EINVAL', async () => {
  const overlay = await Union.mount();
  await expect(resolveMountConfig({ backend: Overlay, overlay, upper: 'x' })).rejects.toMatchObject({ code: 'EINVAL' });
  // @ts-expect-error: no number is an upper
  await expect(resolveMountConfig({ backend: Overlay, upper: 7 })).rejects.toMatchObject({ code: 'EINVAL' });
  await overlay.close();
});
