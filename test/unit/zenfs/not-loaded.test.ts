/* Synchronous calls that need content which has to be fetched first. */

import { expect, test } from 'vitest';

import { FsError } from '../../../src/base/errors.ts';
import { treeLayer } from '../../support/memory-layer.ts';
import { file, sparse, symlink, tree } from '../../support/tree.ts';
import { pattern } from '../../conformance/scene.ts';
import { mountUnion, settle, thrownBy } from './mounted.ts';

const CHUNK = 256 << 10;
const big = pattern(3 * CHUNK + 1000);
const seed = tree(file('a', 'from lower'), file('big', big), symlink('l', 'a'), sparse('zeros', CHUNK));
const lazy = () => treeLayer(seed, { lazy: 'until-read', targets: 'content' });

test('a read is EAGAIN, and the same read succeeds when it is made again', async () => {
  const { zen } = await mountUnion(lazy());
  const error = thrownBy(() => zen.readFileSync('/a', 'utf8'));
  expect(error).toMatchObject({ code: 'EAGAIN', errno: 11 });
  expect(zen.statSync('/a').size).toBe(10);
  await settle();
  expect(zen.readFileSync('/a', 'utf8')).toBe('from lower');
});

test('so is following a link whose target is content', async () => {
  const { zen } = await mountUnion(lazy());
  expect(thrownBy(() => zen.readlinkSync('/l')).code).toBe('EAGAIN');
  await settle();
  expect(zen.readlinkSync('/l')).toBe('a');
});

test('why content could not be loaded is what the next call throws', async () => {
  const layer = lazy();
  const { zen } = await mountUnion(layer);
  layer.failWith(new FsError('EIO', { detail: 'the network is down' }));
  expect(thrownBy(() => zen.readFileSync('/a')).code).toBe('EAGAIN');
  await settle();
  const error = thrownBy(() => zen.readFileSync('/a'));
  expect(error.code).toBe('EIO');
  expect(error.message).toContain('the network is down');
  layer.failWith(undefined);
  expect(thrownBy(() => zen.readFileSync('/a')).code).toBe('EAGAIN');
  await settle();
  expect(zen.readFileSync('/a', 'utf8')).toBe('from lower');
});

test('an append that was EAGAIN is there once when it is made again', async () => {
  const { zen, overlay } = await mountUnion(lazy());
  expect(thrownBy(() => zen.appendFileSync('/a', '!')).code).toBe('EAGAIN');
  await settle();
  zen.appendFileSync('/a', '!');
  expect(await overlay.fs.promises.readFile('/a', 'utf8')).toBe('from lower!');
});

test('a whole file is overwritten without its old content', async () => {
  const layer = lazy();
  const { zen, overlay } = await mountUnion(layer);
  zen.writeFileSync('/big', 'small');
  expect(overlay.fs.readFileSync('/big', 'utf8')).toBe('small');
  expect(layer.reads).toEqual([]);
});

test('a truncation that needs content stays until it is there', async () => {
  const { zen, overlay } = await mountUnion(lazy());
  const fd = zen.openSync('/big', 'r+');
  zen.ftruncateSync(fd, CHUNK + 5);
  const byte = new Uint8Array(1);
  expect(thrownBy(() => zen.writeSync(fd, byte, 0, 1, CHUNK + 9)).code).toBe('EAGAIN');
  await settle();
  zen.writeSync(fd, byte, 0, 1, CHUNK + 9);
  zen.closeSync(fd);
  const expected = new Uint8Array(CHUNK + 10);
  expected.set(big.subarray(0, CHUNK + 5));
  expect(Buffer.compare(await overlay.fs.promises.readFile('/big'), expected)).toBe(0);
});

test('a close that was EAGAIN loses nothing, and succeeds when it is made again', async () => {
  const { zen, overlay } = await mountUnion(lazy());
  const fd = zen.openSync('/big', 'r+');
  zen.ftruncateSync(fd, CHUNK + 5);
  expect(thrownBy(() => zen.closeSync(fd)).code).toBe('EAGAIN');
  await settle();
  zen.closeSync(fd);
  expect(overlay.fs.statSync('/big').size).toBe(CHUNK + 5);
});

test('a buffer may be used again while a write past ZenFS waits for content', async () => {
  const { mounted, overlay } = await mountUnion(lazy());
  const bytes = new Uint8Array([70, 82, 79, 77]);
  const written = mounted.write('/a', bytes, 0);
  bytes.fill(0);
  await written;
  expect(await overlay.fs.promises.readFile('/a', 'utf8')).toBe('FROM lower');
});

test('many writes and truncations of a file whose content never stays loaded are one operation', async () => {
  let random = 7;
  const next = (below: number): number => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 1) % below;
  for (let round = 0; round < 40; round++) {
    const { zen, overlay, commits } = await mountUnion(treeLayer(seed, { lazy: 'always' }));
    const handle = await zen.promises.open('/big', 'r+');
    let expected: Uint8Array = big.slice();
    for (let step = 0; step < 1 + next(6); step++) {
      if (next(3) === 0) {
        const size = next(4 * CHUNK);
        const resized = new Uint8Array(size);
        resized.set(expected.subarray(0, size));
        expected = resized;
        await handle.truncate(size);
        continue;
      }
      const at = next(4 * CHUNK);
      const piece = pattern(1 + next(next(2) === 0 ? 50 : 2 * CHUNK), step + 1);
      const extended = new Uint8Array(Math.max(expected.length, at + piece.length));
      extended.set(expected);
      extended.set(piece, at);
      expected = extended;
      await handle.write(piece, 0, piece.length, at);
    }
    expect(Buffer.compare((await handle.readFile()) as Uint8Array, expected), `round ${round}, before the flush`).toBe(0);
    commits.length = 0;
    await handle.close();
    expect(commits.length).toBe(1);
    expect(Buffer.compare(await overlay.fs.promises.readFile('/big'), expected), `round ${round}`).toBe(0);
  }
});
