/* ZenFS and the engine's own fs over one union: what either does the other sees, and neither undoes. */

import { caches } from '@zenfs/core/vfs/vcache.js';
import { expect, test } from 'vitest';

import { lower } from '../../support/memory-layer.ts';
import { dir, file } from '../../support/tree.ts';
import { mountUnion, settle, thrownBy } from './mounted.ts';

const base = () => lower(dir('d', file('a', 'from lower'), file('b', 'B')));

test('what ZenFS writes, renames and deletes the engine sees at once', async () => {
  const { zen, overlay } = await mountUnion(base());
  zen.writeFileSync('/d/n', 'new');
  expect(overlay.fs.readFileSync('/d/n', 'utf8')).toBe('new');
  await zen.promises.rename('/d', '/e');
  zen.unlinkSync('/e/b');
  expect(overlay.fs.readdirSync('/e').sort()).toEqual(['a', 'n']);
  expect(overlay.fs.existsSync('/d')).toBe(false);
});

test('what ZenFS changes the watchers of the engine hear, and nothing of what it reads', async () => {
  const { zen, overlay } = await mountUnion(base());
  const seen: string[] = [];
  const watcher = overlay.fs.watch('/', { recursive: true }, (eventType, filename) => seen.push(`${eventType} ${filename}`));
  await zen.promises.readFile('/d/a');
  await zen.promises.readdir('/d');
  await zen.promises.writeFile('/d/n', 'new');
  await zen.promises.chmod('/d/b', 0o600);
  await zen.promises.rename('/d/n', '/d/m');
  await overlay.flush();
  watcher.close();
  expect(new Set(seen)).toEqual(new Set(['rename d/n', 'change d/n', 'change d/b', 'rename d/m']));
});

test('what the engine writes, renames and deletes ZenFS sees at once, beside an open handle as well', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r');
  overlay.fs.writeFileSync('/d/a', 'longer than it was before');
  expect(zen.statSync('/d/a').size).toBe(25);
  expect(zen.readFileSync('/d/a', 'utf8')).toBe('longer than it was before');
  overlay.fs.renameSync('/d/a', '/d/moved');
  expect(zen.existsSync('/d/a')).toBe(false);
  expect(zen.readFileSync('/d/moved', 'utf8')).toBe('longer than it was before');
  overlay.fs.unlinkSync('/d/moved');
  expect(zen.readdirSync('/d')).toEqual(['b']);
  expect(String(await handle.readFile())).toBe('longer than it was before');
  await handle.close();
});

test('a handle writes into its file, not into what has its name now', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  overlay.fs.renameSync('/d/a', '/d/old');
  overlay.fs.writeFileSync('/d/a', 'successor');
  await handle.write('FROM');
  await handle.close();
  expect(overlay.fs.readFileSync('/d/a', 'utf8')).toBe('successor');
  expect(overlay.fs.readFileSync('/d/old', 'utf8')).toBe('FROM lower');
});

test('a file that the engine deletes while ZenFS writes to it does not come back', async () => {
  const { zen, overlay, mounted } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  await handle.write('x');
  overlay.fs.unlinkSync('/d/a');
  await handle.close();
  expect(overlay.fs.readdirSync('/d')).toEqual(['b']);
  expect(mounted.face.engine.tree.records.size).toBe(2 + 1); // root, d, whiteout
});

test('closing a handle does not bring back the size, times or mode that it was opened with', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  overlay.fs.writeFileSync('/d/a', 'longer than it was before');
  overlay.fs.utimesSync('/d/a', 1000, 2000);
  overlay.fs.chmodSync('/d/a', 0o600);
  await handle.chown(7, 8);
  await handle.close();
  const { size, mtimeMs, atimeMs, mode, uid, gid } = overlay.fs.statSync('/d/a');
  expect({ size, mtimeMs, atimeMs, mode: mode & 0o777, uid, gid }).toEqual({
    size: 25,
    mtimeMs: 2000_000,
    atimeMs: 1000_000,
    mode: 0o600,
    uid: 7,
    gid: 8,
  });
});

test('a write through a handle leaves what the engine has written elsewhere in the file', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  await handle.write('FROM', 0);
  const other = overlay.fs.openSync('/d/a', 'r+');
  overlay.fs.writeSync(other, 'UPPER!', 5);
  overlay.fs.closeSync(other);
  expect(String(await handle.readFile())).toBe('FROM UPPER'); // its size is that of its opening
  await handle.close();
  expect(overlay.fs.readFileSync('/d/a', 'utf8')).toBe('FROM UPPER!');
});

test('a link made and removed beside an open handle leaves the other name', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  await zen.promises.link('/d/a', '/d/second');
  await handle.write('FROM');
  await handle.close();
  zen.unlinkSync('/d/second');
  expect(overlay.fs.readFileSync('/d/a', 'utf8')).toBe('FROM lower');
  expect(overlay.fs.statSync('/d/a').nlink).toBe(1);
});

test('renaming an open file onto itself ends, and changes nothing', async () => {
  const { zen } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r');
  await zen.promises.rename('/d/a', '/d/a');
  zen.renameSync('/d/a', '/d/a');
  await handle.close();
  expect(zen.readFileSync('/d/a', 'utf8')).toBe('from lower');
});

test('no engine file stays open when ZenFS has closed its own', async () => {
  const { zen, mounted } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  zen.readdirSync('/d');
  await zen.promises.writeFile('/d/n', 'x');
  const { openFiles } = mounted.face.engine;
  expect(openFiles.isOpen(zen.statSync('/d/a').ino)).toBe(true);
  await handle.close();
  for (const path of ['/', '/d', '/d/a', '/d/n']) expect(openFiles.isOpen(zen.statSync(path).ino), path).toBe(false);
});

test('the time of a write is when it was made, unless somebody wrote later', async () => {
  const { zen, overlay } = await mountUnion(base());
  const alone = await zen.promises.open('/d/a', 'r+');
  await alone.write('x');
  const { mtimeMs } = await alone.stat();
  await settle(20);
  await alone.close();
  expect(overlay.fs.statSync('/d/a').mtimeMs).toBe(mtimeMs);

  const raced = await zen.promises.open('/d/b', 'r+');
  await raced.write('x');
  await settle(20);
  overlay.fs.writeFileSync('/d/b', 'later');
  const later = overlay.fs.statSync('/d/b').mtimeMs;
  await raced.close();
  expect(overlay.fs.statSync('/d/b').mtimeMs).toBeGreaterThanOrEqual(later);
  expect(overlay.fs.readFileSync('/d/b', 'utf8')).toBe('xater');
});

test('a time that was asked for is that time, also after a write', async () => {
  const { zen, overlay } = await mountUnion(base());
  const handle = await zen.promises.open('/d/a', 'r+');
  await handle.write('x');
  await handle.utimes(1, 2);
  overlay.fs.writeFileSync('/d/a', 'later');
  await handle.close();
  expect(overlay.fs.statSync('/d/a')).toMatchObject({ atimeMs: 1000, mtimeMs: 2000 });
});

test('a file that was replaced while ZenFS was about to open it is ENOENT, not another file', async () => {
  const { mounted, overlay } = await mountUnion(base());
  const before = mounted.statSync('/d/a');
  overlay.fs.renameSync('/d/b', '/d/a');
  expect(thrownBy(() => caches.get(mounted.uuid)?.ref('/d/a', before)).code).toBe('ENOENT');
});
