/* What was packed once: its bytes come out again, and it is read as it was. */

import { expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { packTree } from '../../../src/pack/pack.ts';
import { estargz, estargzTocDigest, zip } from '../../fixtures/packed-1.ts';
import { dumpLayer, textAt } from '../../support/dump-layer.ts';
import { fixtureTree, largeContent, mainSource } from './fixture-tree.ts';

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

test('the packer gives the bytes that it always gave, whatever the machine', async () => {
  const packed = await packTree(fixtureTree(), { trace: ['src/main.ts'], chunkSize: 40_000 });
  expect(packed.tocDigest).toBe(estargzTocDigest);
  expect(Buffer.from(packed.bytes).toString('base64') === estargz).toBe(true);
  const zipped = await packTree(fixtureTree(), { format: 'zip' });
  expect(Buffer.from(zipped.bytes).toString('base64') === zip).toBe(true);
});

test('an eStargz of version 1 is read as it was packed', async () => {
  const layer = await openLayer(bytesOf(estargz), { tocDigest: estargzTocDigest });
  expect(await textAt(layer, '/src/main.ts')).toBe(mainSource);
  expect((await textAt(layer, '/large')) === largeContent).toBe(true);
  expect(layer.startup).toBeDefined();
  const dump = await dumpLayer(layer);
  expect([...dump.keys()].sort()).toEqual([
    '/empty',
    '/large',
    '/link',
    '/null',
    '/pipe',
    '/src',
    '/src/grün 日本.txt',
    '/src/main.ts',
    '/tool',
    '/tool-hard',
    '/xattr',
  ]);
  expect(dump.get('/tool-hard')).toMatchObject({ mode: 0o104755, owner: '1000:3000000', mtime: 1_700_000_000_000 });
});

test('a zip of version 1 is read as it was packed', async () => {
  const layer = await openLayer(bytesOf(zip));
  expect((await textAt(layer, '/large')) === largeContent).toBe(true);
  expect([...(await dumpLayer(layer)).keys()].sort()).toEqual([
    '/empty',
    '/large',
    '/link',
    '/src',
    '/src/grün 日本.txt',
    '/src/main.ts',
    '/tool',
    '/tool-hard',
    '/xattr',
  ]);
});
