/* eStargz archives whose content was changed, and whose table of contents lies. Each gives a POSIX error that names the archive. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { type EstargzArchive, type EstargzFile, type TestTocEntry, estargzArchive } from '../../support/estargz.ts';

const files: EstargzFile[] = [
  { name: 'first', content: 'the first file '.repeat(20) },
  { name: 'big', content: '0123456789'.repeat(300) },
  { name: 'last', content: 'the last file '.repeat(20) },
];

const broken = (detail: RegExp, code = 'EIO') =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) as string }) as Error;

const expectRefused = async (archive: EstargzArchive, detail: RegExp, code?: string) =>
  expect(openLayer(estargzArchive(files, { chunkSize: 1000, ...archive }).bytes, { name: 'bad.esgz' })).rejects.toEqual(
    broken(detail, code),
  );

/** Changes the entry of a name. */
const change =
  (name: string, fields: TestTocEntry, number = 0) =>
  (entries: TestTocEntry[]) => {
    Object.assign(entries.filter((entry) => entry.name === name)[number]!, fields);
  };

describe('content that is not what its digest says', () => {
  test('a wrong digest is EIO, naming archive, entry, found and expected', async () => {
    const wrong = `sha256:${'ab'.repeat(32)}`;
    const layer = await openLayer(estargzArchive(files, { lie: change('last', { chunkDigest: wrong }) }).bytes, { name: 'bad.esgz' });
    await expect(textAt(layer, '/last')).rejects.toEqual(
      broken(new RegExp(`^bad\\.esgz: '/last': the SHA-256 of its bytes from 0 on is [0-9a-f]{64}, should be ${'ab'.repeat(32)}$`)),
    );
    expect(await textAt(layer, '/first')).toBe(files[0]!.content);
  });

  test('a wrong digest in the middle of a file leaves the other chunks readable', async () => {
    const layer = await openLayer(
      estargzArchive(files, { chunkSize: 1000, lie: change('big', { chunkDigest: `sha256:${'00'.repeat(32)}` }, 1) }).bytes,
    );
    const entry = layer.table.lookup(0, 'big');
    expect(Buffer.from(await layer.read(entry, 2000, 2010)).toString()).toBe('0123456789');
    await expect(layer.read(entry, 1990, 2010)).rejects.toEqual(broken(/SHA-256 of its bytes from 1000 on/));
    expect(() => layer.peek(entry, 1500, 1510)).toThrow(broken(/SHA-256/));
  });

  test('changed bytes of the archive are never served', async () => {
    const { bytes } = estargzArchive(files, { group: 3 });
    const contentEnd = Number.parseInt(Buffer.from(bytes.subarray(-35, -19)).toString(), 16);
    expect(contentEnd).toBeGreaterThan(200);
    const expected = new Map(files.map(({ name, content }) => [name, content]));
    for (let at = 0; at < contentEnd; at += 3) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ 0x10;
      const layer = await openLayer(changed, { name: 'bad.esgz' });
      for (const [name, content] of expected) {
        const text = await textAt(layer, `/${name}`).catch((e: unknown) => e);
        if (text !== content) expect(text).toEqual(broken(/^bad\.esgz: '/));
      }
    }
  });

  test('without digests the CRC-32 of the gzip member counts', async () => {
    const { bytes, toc } = estargzArchive([{ name: 'f', content: 'x'.repeat(100) }], { noDigests: true });
    const { offset } = (JSON.parse(toc) as { entries: { offset: number }[] }).entries[0]!;
    const changed = bytes.slice();
    // Behind the header of the member, its stream: the literal is the first byte that can be changed and still be decoded.
    const end = gzipSync(Buffer.from('x'.repeat(100)), { level: 9 }).length;
    changed[offset + end - 8] = changed[offset + end - 8]! ^ 1;
    await expect(textAt(await openLayer(changed), '/f')).rejects.toEqual(broken(/CRC-32 of a gzip member/));
  });
});

test('without digests, a file longer than what its member holds is damaged', async () => {
  const { bytes } = estargzArchive([{ name: 'f', content: 'x'.repeat(100) }], { noDigests: true, lie: change('f', { size: 101 }) });
  await expect(textAt(await openLayer(bytes), '/f')).rejects.toEqual(broken(/its gzip member ends 1 bytes before it does/));
});

describe('a table of contents that lies', () => {
  test('about where a content is: outside the file', () =>
    expectRefused({ lie: change('last', { offset: 1e9 }) }, /^bad\.esgz: 'last': its content is at byte 1000000000, behind/));
  test('about where a content is: in the middle of another', () =>
    expectDamagedContent({ lie: change('last', { offset: 30 }) }, '/last', /no gzip member at byte 30/));
  test('about where a content is: another file', async () => {
    const { toc } = estargzArchive(files);
    const { offset } = (JSON.parse(toc) as { entries: { offset: number; innerOffset: number }[] }).entries[0]!;
    await expectRefused({ lie: change('last', { offset }), chunkSize: 5000 }, /'last': its content overlaps with that of 'first'/);
  });
  test('about where a content is in its member', () =>
    expectDamagedContent({ lie: change('last', { innerOffset: 3 }) }, '/last', /cannot be inflated|ends 3 bytes before|SHA-256/));
  test('about overlapping contents', async () => {
    await expect(
      openLayer(estargzArchive(files, { group: 3, lie: change('big', { innerOffset: 10 }) }).bytes, { name: 'bad.esgz' }),
    ).rejects.toEqual(broken(/overlaps/));
  });
  test('about the size, too large', () =>
    expectDamagedContent({ lie: change('first', { size: 301 }) }, '/first', /cannot be inflated|SHA-256/));
  test('about the size, too small', () => expectDamagedContent({ lie: change('first', { size: 299 }) }, '/first', /SHA-256/));
  test('about the size, absurd', () => expectRefused({ lie: change('first', { size: 2 ** 50 }) }, /claims \d+ bytes in the gzip member/));
  test('about the size, beyond 2^53 or negative', async () => {
    await expectRefused({ lie: change('first', { size: 2 ** 60 }) }, /'first': the table of contents has size/);
    await expectRefused({ lie: change('first', { size: -1 }) }, /'first': the table of contents has size: -1/);
  });
  test('about the size of chunks that are not all of the file', () =>
    expectRefused({ lie: change('big', { chunkSize: 500 }, 2) }, /^bad\.esgz: 'big': its chunks have 2500 bytes, and it has 3000/));
  test('about chunks that leave a gap', () =>
    expectRefused(
      { lie: change('big', { chunkOffset: 1001 }, 1) },
      /'big': chunk 2 of it is the 1000 bytes from 1001, should start at 1000/,
    ));
  test('about chunks that overlap', () => expectRefused({ lie: change('big', { chunkOffset: 900 }, 1) }, /should start at 1000/));
  test('about chunks of nothing', () =>
    expectRefused(
      { lie: (entries) => [{ name: 'x', type: 'chunk', offset: 1, chunkOffset: 1 }, ...entries] },
      /'x': the table of contents has a chunk of it in front of it/,
    ));
  test('about chunks of a directory', () =>
    expectRefused(
      { lie: (entries) => [{ name: 'd', type: 'dir', mode: 0o755 }, { name: 'd', type: 'chunk', offset: 1 }, ...entries] },
      /'d': the table of contents has chunks of it, though it is a dir/,
    ));
  test('about chunks of another file', () =>
    expectRefused({ lie: change('big', { name: 'other' }, 1) }, /'big': a chunk of 'other' follows it/));
  test('about its version', () => expectRefused({ json: '{"version":2,"entries":[]}' }, /version 2, should be 1/));
  test('about being JSON', () => expectRefused({ json: '{"version":1,' }, /not JSON/));
  test('about being UTF-8', () => expectRefused({ json: Uint8Array.of(0x22, 0xff, 0x22) }, /not UTF-8/));
  test('about being an object', () => expectRefused({ json: '[]' }, /not an object/));
  test('about having entries', () => expectRefused({ json: '{"version":1,"entries":{}}' }, /no entries/));
  test('about what an entry is', async () => {
    await expectRefused({ lie: () => [{ name: 5, type: 'reg' }] }, /an entry of its table of contents is/);
    await expectRefused({ json: '{"version":1,"entries":[null]}' }, /an entry of its table of contents is null/);
    await expectRefused({ lie: change('first', { type: 'socket' }) }, /'first': the table of contents says that it is "socket"/);
  });
  test.each([
    ['offset', 1.5],
    ['mode', 'x'],
    ['uid', -1],
    ['modtime', 'yesterday'],
    ['linkName', 7],
    ['xattrs', { a: '%' }],
    ['xattrs', []],
    ['innerOffset', 1e300],
  ] as const)('about %s: %j', (field, value) =>
    expectRefused({ lie: change('first', { [field]: value }) }, new RegExp(`'first': the table of contents has ${field}: `)),
  );
  test('about a digest', () => expectRefused({ lie: change('first', { chunkDigest: 'md5:abc' }) }, /its digest is none: 'md5:abc'/));
  test('about hard links that lead to one another', () =>
    expectRefused(
      { lie: (entries) => [...entries, { name: 'a', type: 'hardlink', linkName: 'b' }, { name: 'b', type: 'hardlink', linkName: 'a' }] },
      /'[ab]': a hard link that leads back to itself/,
    ));
  test('about a hard link to itself', () =>
    expectRefused(
      { lie: (entries) => [...entries, { name: 'a', type: 'hardlink', linkName: 'a' }] },
      /'a': a hard link that leads back to itself/,
    ));
});

async function expectDamagedContent(archive: EstargzArchive, path: string, detail: RegExp): Promise<void> {
  const layer = await openLayer(estargzArchive(files, archive).bytes, { name: 'bad.esgz' });
  await expect(textAt(layer, path)).rejects.toEqual(broken(detail));
}

describe('names that escape are left out and reported', () => {
  test.each(['../evil', 'a/../../evil', 'nul\0name', `${'x'.repeat(300)}`])('%j', async (name) => {
    const layer = await openLayer(estargzArchive(files, { lie: (entries) => [...entries, { name, type: 'dir', mode: 0o755 }] }).bytes);
    expect(layer.warnings).toEqual([expect.objectContaining({ entry: name, message: expect.stringMatching(/^skipped/) as string })]);
    expect(layer.table.length).toBe(4);
  });

  test('a hard link to a file that there is not', async () => {
    const layer = await openLayer(
      estargzArchive(files, { lie: (entries) => [...entries, { name: 'a', type: 'hardlink', linkName: '../../etc/passwd' }] }).bytes,
    );
    expect(layer.warnings).toEqual([expect.objectContaining({ entry: 'a' })]);
  });

  test('names of properties that every object has are names like others', async () => {
    const layer = await openLayer(
      estargzArchive([
        { name: '__proto__', content: 'x', xattrs: { constructor: 'y' } },
        { name: 'one', type: 'hardlink', link: '__proto__' },
      ]).bytes,
    );
    expect(await textAt(layer, '/one')).toBe('x');
  });
});

describe('a footer or a place of the table of contents that is wrong', () => {
  test('behind the end', () =>
    expectRefused({ tocOffset: 2 ** 40 }, /its footer says that the table of contents is at byte 1099511627776 of \d+/));
  test('in the content', () => expectRefused({ tocOffset: 3 }, /no gzip member where one should start/));
  test('at a gzip member that is another', async () => {
    const { bytes, toc } = estargzArchive(files);
    const { offset } = (JSON.parse(toc) as { entries: { offset: number }[] }).entries[0]!;
    await expectRefused({ tocOffset: offset }, /no tar header where its table of contents should be/);
    expect(bytes.length).toBeGreaterThan(0);
  });
  test('a changed table of contents is found by its CRC-32', async () => {
    const { bytes } = estargzArchive(files);
    const changed = bytes.slice();
    changed[bytes.length - 51 - 6] = changed[bytes.length - 51 - 6]! ^ 1;
    await expect(openLayer(changed)).rejects.toEqual(broken(/CRC-32 of a gzip member is/));
  });
});

test('a file of more chunks than a call takes arguments is judged like any other', async () => {
  const count = 150_000;
  const chunk = (i: number) => ({ name: 'f', type: i === 0 ? 'reg' : 'chunk', chunkOffset: i, innerOffset: i, chunkSize: 1 });
  const entries = Array.from({ length: count }, (_, i) => chunk(i));
  const json = JSON.stringify({ version: 1, entries: [{ ...entries[0], size: count }, ...entries.slice(1)] });
  const { bytes } = estargzArchive([{ name: 'f', content: new Uint8Array(count) }], { json });
  const layer = await openLayer(bytes, { limits: { ratio: 1e6 } });
  expect(layer.table.size(entryAt(layer, '/f'))).toBe(count);
});

test('a table of contents of a gigabyte is refused before it takes memory', async () => {
  const before = process.memoryUsage().rss;
  await expect(
    openLayer(estargzArchive(files, { json: new Uint8Array(300 << 20).fill(32) }).bytes, { name: 'bad.esgz', maxBytes: 1 << 30 }),
  ).rejects.toEqual(broken(/^bad\.esgz: a gzip member inflates to more than/, 'EFBIG'));
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
});

test('a million entries of one small content are refused', async () => {
  const { bytes } = estargzArchive([{ name: 'f', content: 'x' }], {
    lie: ([entry]) => Array.from({ length: 2000 }, (_, i) => ({ ...entry, name: `f${i}` })),
  });
  await expect(openLayer(bytes)).rejects.toEqual(broken(/overlaps/));
  const many = estargzArchive([{ name: 'f', content: 'x' }], {
    lie: () => Array.from({ length: 2000 }, (_, i) => ({ name: `f${i}`, type: 'dir' })),
  });
  await expect(openLayer(many.bytes, { limits: { entries: 1000 } })).rejects.toEqual(broken(/more than the 1000 entries/, 'EFBIG'));
});

test('files larger than is allowed are refused: in sum, one by one, in one piece', async () => {
  const { bytes } = estargzArchive(files);
  await expect(openLayer(bytes, { limits: { size: 1000 } })).rejects.toEqual(broken(/./, 'EFBIG'));
  await expect(textAt(await openLayer(bytes, { limits: { entrySize: 1000 } }), '/big')).rejects.toEqual(broken(/3000 bytes/, 'EFBIG'));
  const large = estargzArchive([{ name: 'big', content: 'x'.repeat(50_000) }]).bytes;
  await expect(textAt(await openLayer(large, { maxBytes: 20_000 }), '/big')).rejects.toEqual(broken(/50000 bytes in one piece/, 'EFBIG'));
});
