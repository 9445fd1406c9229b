/* Lowers that are still being opened when a union is mounted: the upper is read meanwhile, and a mount that fails costs nobody anything. */

import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { FsError } from '../../src/base/errors.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { idbUpper } from '../../src/upper/idb-store.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { file } from '../support/tree.ts';

const missing = new FsError('EIO', { detail: 'no such archive' });
const base = (): Layer => lower(file('a', 'from below'));

test('the upper is read while its lowers are opened', async () => {
  const upper = memoryUpper();
  let isRead!: () => void;
  const reading = new Promise<void>((resolve) => (isRead = resolve));
  const load = upper.load.bind(upper);
  upper.load = () => {
    isRead();
    return load();
  };
  const overlay = await Overlay.mount({ lower: [reading.then(base)], upper });
  expect(overlay.fs.readFileSync('/a', 'utf8')).toBe('from below');
  await overlay.close();
});

test('an owner whose successor cannot open its lowers goes on, and the next one has what it has written since', async () => {
  const owner = await Overlay.mount({ lower: [base()], upper: await idbUpper('succession') });
  await owner.fs.promises.writeFile('/mine', 'before');
  const successor = await idbUpper('succession');
  const failing = Overlay.mount({ lower: [base(), Promise.reject(missing)], upper: successor });
  await expect(failing).rejects.toBe(missing);
  await owner.fs.promises.writeFile('/mine', 'after');
  await owner.close();
  const next = await Overlay.mount({ lower: [base()], upper: await idbUpper('succession') });
  expect(await next.fs.promises.readFile('/mine', 'utf8')).toBe('after');
  expect(await next.check()).toEqual([]);
  await next.close();
});

test('an upper is closed only when it is read, and can be mounted again', async () => {
  const upper = faultyUpper();
  const steps: string[] = [];
  let letRead!: () => void;
  const allowed = new Promise<void>((resolve) => (letRead = resolve));
  const { load, close } = upper;
  upper.load = async () => {
    await allowed;
    steps.push('read');
    return load();
  };
  upper.close = () => {
    steps.push('closed');
    return close();
  };
  const mounting = Overlay.mount({ lower: [Promise.reject(missing)], upper });
  mounting.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve));
  expect(steps).toEqual([]);
  letRead();
  await expect(mounting).rejects.toBe(missing);
  expect(steps).toEqual(['read', 'closed']);
  const overlay = await Overlay.mount({ lower: [base()], upper });
  expect(overlay.fs.readdirSync('/')).toEqual(['a']);
  await overlay.close();
});

test('what cannot be read is told at once, whatever the lowers are doing', async () => {
  const upper = memoryUpper();
  upper.load = () => Promise.reject(missing);
  const never = new Promise<Layer>(() => undefined);
  await expect(Overlay.mount({ lower: [never], upper })).rejects.toBe(missing);
});

test('an upper that is in use keeps its owner, and the lowers that fail trouble nobody', async () => {
  const upper = memoryUpper();
  const overlay = await Overlay.mount({ upper });
  await expect(Overlay.mount({ lower: [Promise.reject(missing)], upper })).rejects.toMatchObject({ code: 'EBUSY' });
  await overlay.fs.promises.writeFile('/still', 'here');
  await overlay.close();
});
