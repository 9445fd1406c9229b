/* A workspace with one damaged record: refused by name, and opened without it where that is wanted. Nothing else of it is lost. */

import { expect, test } from 'vitest';
import { open, type OpenOptions } from '../../src/index.ts';

const name = 'damaged-record';
const openIt = (options: Partial<OpenOptions> = {}) => open({ name, lower: [], guard: false, ...options });

/** Spoils the record of the file of this name, behind the back of everybody: a row overrules what stands in packs. */
async function spoil(file: string): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(`stratafs:${name}`);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('cannot be opened'));
  });
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction(['packs', 'turns', 'records'], 'readwrite');
    const packs = transaction.objectStore('packs').getAll() as IDBRequest<Uint8Array[]>;
    const turns = transaction.objectStore('turns').getAll() as IDBRequest<{ readonly records?: Uint8Array }[]>;
    turns.onsuccess = () => {
      const all = [...packs.result, ...turns.result.flatMap(({ records }) => records ?? [])];
      const text = all.map((pack) => new TextDecoder().decode(pack.subarray(4))).join();
      const [, id] = new RegExp(`\\[(\\d+),{"names":\\[\\[1,"${file}"`).exec(text)!;
      transaction.objectStore('records').put({ names: 'no list', mode: -1 }, Number(id));
    };
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
  database.close();
}

test('is refused with EIO that names it, and with damaged: "set-aside" opened without that record', async () => {
  const first = await openIt();
  await first.fs.writeFile('/spoiled', 'gone');
  await first.fs.writeFile('/sound', 'still here');
  await first.close();
  await spoil('spoiled');
  await expect(openIt()).rejects.toMatchObject({ code: 'EIO', message: expect.stringMatching(/'damaged-record'.*record \d+/) as string });
  await expect(openIt()).rejects.toMatchObject({ code: 'EIO' }); // looking changes nothing

  const second = await openIt({ damaged: 'set-aside' });
  expect(await second.fs.readdir('/')).toEqual(['sound']);
  expect(await second.fs.readFile('/sound', 'utf8')).toBe('still here');
  const violations = await second.check({ repair: true });
  expect(violations.map(({ message }) => message)).toEqual([expect.stringContaining('was set aside')]);
  await second.fs.writeFile('/spoiled', 'written anew');
  await second.close();

  const third = await openIt();
  expect(await third.check()).toEqual([]);
  expect(await third.fs.readFile('/spoiled', 'utf8')).toBe('written anew');
  await third.close();
});
