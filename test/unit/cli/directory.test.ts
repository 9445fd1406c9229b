/* `stratafs index`, and the other commands on what it wrote, behind a host. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDirectory } from '../../../src/lower/directory-layer.ts';
import { startRangeServer } from '../../support/range-server.ts';
import { differences, listFolder, listLayer, makeTree } from '../pack/source-tree.ts';
import { stratafs } from './terminal.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const INDEX = 'index.stratafs.json';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-index-'));
  mkdirSync(at('tree'));
  makeTree(at('tree'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('writes the index, and says what pins it', async () => {
  const before = listFolder(at('tree'));
  const { code, out, err } = await stratafs(['index', at('tree')]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const integrity = /^ {2}integrity (sha256-\S+)$/m.exec(out)![1]!;
  expect(out).toContain(`${at('tree')}/${INDEX}: ${before.size} entries, `);
  await using server = await startRangeServer({ files: at('tree') });
  expect(differences(await listLayer(await openDirectory(server.url, { integrity })), before)).toEqual([]);
  const url = `${server.url}/${INDEX}`;
  expect((await stratafs(['ls', url, '/src'])).out).toContain('main.ts');
  expect((await stratafs(['cat', url, '/src/main.ts'])).out).toBe(readFileSync(at('tree/src/main.ts'), 'utf8'));
  expect(await stratafs(['check', url, '--integrity', integrity])).toMatchObject({
    code: 0,
    out: expect.stringContaining('sound') as string,
  });
  expect(await stratafs(['check', url, '--toc-digest', `sha256:${'0'.repeat(64)}`])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--integrity') as string,
  });
  // One request a file and more: the archive that it can become.
  expect((await stratafs(['pack', at('tree'), '-o', at('a.zip'), '--exclude', INDEX])).code).toBe(0);
  expect((await stratafs(['diff', at('a.zip'), url])).out).toBe('');
});

test('gives the same bytes when it is made again, wherever the folder is, and however it was made', async () => {
  await stratafs(['index', at('tree'), '--mtime', '1000000000']);
  const first = readFileSync(join(at('tree'), INDEX), 'utf8');
  await stratafs(['index', at('tree')], { SOURCE_DATE_EPOCH: '1000000000' });
  expect(readFileSync(join(at('tree'), INDEX), 'utf8')).toBe(first);
  mkdirSync(at('other'));
  makeTree(at('other'), { reverse: true });
  cpSync(join(at('tree'), INDEX), join(at('other'), INDEX));
  await stratafs(['index', at('other'), '--mtime', '1000000000', '--json']);
  expect(readFileSync(join(at('other'), INDEX), 'utf8')).toBe(first);
});

test('leaves out what is excluded, and itself by whatever name', async () => {
  const { out } = await stratafs([
    'index',
    at('other'),
    '-o',
    join(at('other'), 'v2.json'),
    '--exclude',
    'src',
    '--exclude',
    INDEX,
    '--json',
  ]);
  const index = readFileSync(join(at('other'), 'v2.json'), 'utf8');
  expect(JSON.parse(out)).toMatchObject({ output: join(at('other'), 'v2.json'), size: index.length, warnings: [] });
  expect(index).not.toMatch(/"name":"(?:src|v2|index)\b[^"]*(?:\/|json)/);
  await stratafs(['index', at('other'), '-o', join(at('other'), 'v2.json'), '--exclude', 'src', '--exclude', INDEX]);
  expect(readFileSync(join(at('other'), 'v2.json'), 'utf8')).toBe(index);
});

test('an index elsewhere would be of other files: refused', async () => {
  writeFileSync(at('file'), '');
  for (const args of [
    ['-o', at('index.json')],
    ['-o', join(at('tree'), 'index')],
  ])
    expect(await stratafs(['index', at('tree'), ...args])).toMatchObject({
      code: 2,
      err: expect.stringContaining('in the folder itself') as string,
    });
  expect(await stratafs(['index'])).toMatchObject({ code: 2 });
  expect(await stratafs(['index', at('file')])).toMatchObject({ code: 2, err: expect.stringContaining('ENOTDIR') as string });
});
