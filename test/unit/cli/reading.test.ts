/* `stratafs ls`, `cat`, `check` and `diff`. */

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Overlay } from '../../../src/fs/overlay.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { memoryUpper } from '../../../src/upper/memory-store.ts';
import { type ZipFile, paxHeader, tarArchive, zipArchive } from '../../support/archives.ts';
import { estargzArchive } from '../../support/estargz.ts';
import { zstdChunkedArchive } from '../../support/zstd-chunked.ts';
import { stratafs } from './terminal.ts';

let folder: string;
const at = (name: string): string => join(folder, name);

const files: ZipFile[] = [
  { name: 'dir/', mode: 0o040755 },
  { name: 'dir/inner.txt', content: 'inner', mode: 0o100640 },
  { name: 'link', content: 'dir/inner.txt', mode: 0o120777 },
  { name: 'tool', content: '#!/bin/sh\n', mode: 0o104755 },
];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  writeFileSync(at('a.zip'), zipArchive(files));
  writeFileSync(
    at('bad.zip'),
    zipArchive([...files, { name: 'dir/bad', content: 'bad', lie: { crc: 1 } }, { name: '../evil', content: 'x' }]),
  );
  writeFileSync(at('a.tgz'), gzipSync(tarArchive([{ name: 'package/a', content: 'a' }, { name: 'package/.wh.b' }])));
  const { bytes, tocDigest } = estargzArchive([{ name: 'a', content: 'in an eStargz' }]);
  writeFileSync(at('a.esgz'), bytes);
  writeFileSync(at('toc'), tocDigest);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('ls', () => {
  test('lists mode, owner, size, time and name, in order', async () => {
    expect(await stratafs(['ls', at('a.zip')])).toEqual({
      code: 0,
      out: `drwxr-xr-x 0:0  0 2024-01-01 00:00 /dir
-rw-r----- 0:0  5 2024-01-01 00:00 /dir/inner.txt
lrwxrwxrwx 0:0 13 2024-01-01 00:00 /link -> dir/inner.txt
-rwsr-xr-x 0:0 10 2024-01-01 00:00 /tool
`,
      err: '',
    });
  });

  test('lists what is below a path, or one file', async () => {
    expect((await stratafs(['ls', at('a.zip'), 'dir/'])).out).toBe(
      'drwxr-xr-x 0:0 0 2024-01-01 00:00 /dir\n-rw-r----- 0:0 5 2024-01-01 00:00 /dir/inner.txt\n',
    );
    expect((await stratafs(['ls', at('a.zip'), '/tool'])).out).toMatch(/^-rwsr-xr-x .* \/tool\n$/);
  });

  test('prints JSON, and reads names as --strip and --whiteouts say', async () => {
    const { out } = await stratafs(['ls', '--json', '--strip', '1', '--whiteouts', 'oci', at('a.tgz')]);
    expect(JSON.parse(out)).toEqual([
      expect.objectContaining({ path: '/a', type: 'file', size: 1, mode: 0o100644, mtimeMs: 0, nlink: 1 }),
      expect.objectContaining({ path: '/b', type: 'whiteout' }),
    ]);
  });

  test('warnings are told, and names that would command the terminal are not obeyed', async () => {
    expect((await stratafs(['ls', at('bad.zip')])).err).toBe("warning: ../evil: skipped: '..' in name\n");
    writeFileSync(at('escape.zip'), zipArchive([{ name: 'a\u001b[2J\nb\u202ec', content: '' }]));
    expect((await stratafs(['ls', at('escape.zip')])).out).toMatch(/ \/a\\u001b\[2J\\u000ab\\u202ec\n$/);
  });
});

describe('cat', () => {
  test('writes files one after another, following links', async () => {
    expect(await stratafs(['cat', at('a.zip'), 'link', '/tool'])).toEqual({ code: 0, out: 'inner#!/bin/sh\n', err: '' });
  });

  test('writes all bytes of a large file as they are', async () => {
    const content = Buffer.alloc(3_000_001, 'bytes that go on and on ');
    writeFileSync(at('large.zip'), zipArchive([{ name: 'large', content, deflate: true }]));
    expect((await stratafs(['cat', at('large.zip'), 'large'])).out === content.toString()).toBe(true);
  });

  test('a pinned table of contents counts', async () => {
    const pin = readFileSync(at('toc'), 'utf8');
    expect((await stratafs(['cat', '--toc-digest', pin, at('a.esgz'), 'a'])).out).toBe('in an eStargz');
    const wrong = await stratafs(['cat', '--toc-digest', `sha256:${'1'.repeat(64)}`, at('a.esgz'), 'a']);
    expect(wrong).toMatchObject({ code: 2, out: '' });
    expect(wrong.err).toMatch(
      /^stratafs cat: EIO: i\/o error \(.*: the digest of its table of contents is sha256:[0-9a-f]{64}, should be sha256:1{64}\)\n$/,
    );
  });
});

describe('check', () => {
  test('of a sound archive says so and ends with 0', async () => {
    const { code, out } = await stratafs(['check', at('a.zip'), at('a.esgz')]);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replace(/sha256-\w{64}/, 'DIGEST'))).toEqual([
      `${at('a.zip')}: sound: 4 entries, 15 bytes, 0 warnings, DIGEST`,
      `${at('a.esgz')}: sound: 1 entries, 13 bytes, 0 warnings, DIGEST`,
      '',
    ]);
  });

  test('of a damaged one names every file that is, and ends with 1', async () => {
    const { code, out } = await stratafs(['check', at('bad.zip')]);
    expect(code).toBe(1);
    expect(out).toMatch(/EIO: i\/o error \(.*bad\.zip: '\/dir\/bad': its CRC-32 is 0x[0-9a-f]{8}, should be 0x00000001\)\n/);
    expect(out).toMatch(/warning: \.\.\/evil: skipped/);
    expect(out).toMatch(/1 damaged: 5 entries, 15 bytes, 1 warnings/);
    const { out: json } = await stratafs(['check', '--json', at('bad.zip')]);
    expect(JSON.parse(json)).toEqual([
      expect.objectContaining({ entries: 5, damaged: [expect.objectContaining({ path: '/dir/bad', code: 'EIO' })] }),
    ]);
  });

  test('of an eStargz whose tar says something else than its index names what differs', async () => {
    const lie = (entries: Record<string, unknown>[]): Record<string, unknown>[] => [
      { ...entries[0], name: 'renamed' },
      { name: 'made-up', type: 'dir', mode: 0o755 },
    ];
    writeFileSync(at('lie.esgz'), estargzArchive([{ name: 'a', content: 'a' }], { lie }).bytes);
    const { code, out } = await stratafs(['check', at('lie.esgz')]);
    expect(code).toBe(1);
    expect(out).toMatch(/'\/a': in the tar, and not in the table of contents/);
    expect(out).toMatch(/'\/made-up': in the table of contents, and not in the tar/);
    expect(out).toMatch(/'\/renamed': in the table of contents, and not in the tar/);
    const bytes = estargzArchive([
      { name: 'a', content: 'a' },
      { name: 'b', type: 'dir' },
    ]).bytes;
    bytes[30] = bytes[30]! ^ 0x40;
    writeFileSync(at('header.esgz'), bytes);
    expect(await stratafs(['check', at('header.esgz')])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/header\.esgz: the gzip member at byte 0|CRC-32/) as string,
    });
  });

  test('of a zstd:chunked whose tar says something else than its manifest names what differs', async () => {
    const lie = (entries: Record<string, unknown>[]): Record<string, unknown>[] => [{ ...entries[0], name: 'renamed' }];
    writeFileSync(at('good.tar.zst'), zstdChunkedArchive([{ name: 'a', content: 'a' }]).bytes);
    expect((await stratafs(['check', at('good.tar.zst')])).out).toMatch(/sound: 1 entries, 1 bytes/);
    writeFileSync(at('lie.tar.zst'), zstdChunkedArchive([{ name: 'a', content: 'a' }], { lie }).bytes);
    const { code, out } = await stratafs(['check', at('lie.tar.zst')]);
    expect(code).toBe(1);
    expect(out).toMatch(/'\/a': in the tar, and not in the table of contents/);
    expect(out).toMatch(/'\/renamed': in the table of contents, and not in the tar/);
  });

  test('counts a file with two names once', async () => {
    writeFileSync(
      at('hard.tar'),
      tarArchive([
        { name: 'a', content: 'four' },
        { name: 'b', type: '1', link: 'a' },
      ]),
    );
    expect((await stratafs(['check', at('hard.tar')])).out).toMatch(/sound: 2 entries, 4 bytes/);
  });

  test('of one that cannot be opened ends with 2', async () => {
    writeFileSync(at('cut.zip'), zipArchive(files).slice(0, -30));
    expect(await stratafs(['check', at('cut.zip')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^stratafs check: EIO: .*cut short/) as string,
    });
  });
});

describe('diff', () => {
  const before: ZipFile[] = [
    { name: 'same', content: 'same' },
    { name: 'changed', content: 'before' },
    { name: 'mode', content: 'x', mode: 0o100644 },
    { name: 'gone/', mode: 0o040755 },
    { name: 'gone/inner', content: 'x' },
    { name: 'type', content: 'x' },
    { name: 'link', content: 'one', mode: 0o120777 },
  ];
  const after: ZipFile[] = [
    { name: 'same', content: 'same', deflate: true },
    { name: 'changed', content: 'after!' },
    { name: 'mode', content: 'x', mode: 0o100755 },
    { name: 'new/', mode: 0o040755 },
    { name: 'new/inner', content: 'xyz' },
    { name: 'type/', mode: 0o040755 },
    { name: 'link', content: 'two', mode: 0o120777 },
  ];

  test('of an archive with itself, however it is packed, is nothing, and ends with 0', async () => {
    expect(await stratafs(['diff', at('a.zip'), at('a.zip')])).toEqual({ code: 0, out: '', err: '' });
    writeFileSync(at('one.zip'), zipArchive([{ name: 'x', content: 'x', mode: 0o100644, dosTime: [(54 << 9) | (1 << 5) | 1, 0] }]));
    writeFileSync(at('one.tar'), tarArchive([{ name: 'x', content: 'x', mtime: Date.UTC(2034, 0) / 1000 }]));
    expect((await stratafs(['diff', at('one.zip'), at('one.tar')])).out).toBe('');
  });

  test('says what differs, in the words of a workspace, and ends with 1', async () => {
    writeFileSync(at('before.zip'), zipArchive(before));
    writeFileSync(at('after.zip'), zipArchive(after));
    expect(await stratafs(['diff', at('before.zip'), at('after.zip')])).toEqual({
      code: 1,
      out: 'modified /changed\ndeleted  /gone\nmodified /link\nmeta     /mode\nadded    /new\nadded    /new/inner\nmodified /type\n',
      err: '',
    });
  });

  test('agrees with the diff of a workspace in which the same was done', async () => {
    const overlay = await Overlay.mount({ lower: [await openLayer(zipArchive(before))], upper: memoryUpper() });
    const { promises: fs } = overlay.fs;
    await fs.writeFile('/changed', 'after!');
    await fs.chmod('/mode', 0o755);
    await fs.rm('/gone', { recursive: true });
    await fs.mkdir('/new');
    await fs.writeFile('/new/inner', 'xyz');
    await fs.rm('/type');
    await fs.mkdir('/type');
    await fs.rm('/link');
    await fs.symlink('two', '/link');
    const { out } = await stratafs(['diff', '--json', at('before.zip'), at('after.zip')]);
    const said = (JSON.parse(out) as object[]).map((change) => ({ ...change, size: undefined }));
    expect(said).toEqual((await overlay.diff()).map((change) => ({ ...change, size: undefined })));
  });

  test('xattrs, owners and times are meta; times of directories are not compared', async () => {
    const tar = (mtime: number, uid: number, value: string): Uint8Array =>
      tarArchive([
        { name: 'dir/', type: '5', mtime },
        { name: 'dir/time', content: 't', mtime },
        { name: 'owner', content: 'o', uid },
        paxHeader({ 'SCHILY.xattr.user.a': value }),
        { name: 'xattr', content: 'x' },
      ]);
    writeFileSync(at('one.tar'), tar(1, 1, 'a'));
    writeFileSync(at('two.tar'), tar(2, 2, 'b'));
    expect((await stratafs(['diff', at('one.tar'), at('two.tar')])).out).toBe('meta     /dir/time\nmeta     /owner\nmeta     /xattr\n');
  });
});

describe('the command line', () => {
  test('without a command, or with one that is none, ends with 2', async () => {
    expect(await stratafs([])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('stratafs pack') as string });
    expect(await stratafs(['frobnicate'])).toEqual({
      code: 2,
      out: '',
      err: "stratafs: no command 'frobnicate'; 'stratafs --help' lists them\n",
    });
  });

  test.each(['pack', 'oci', 'index', 'ls', 'cat', 'check', 'diff'])('%s --help has examples', async (command) => {
    expect(await stratafs([command, '--help'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(new RegExp(`Examples:\\n  stratafs ${command} `)) as string,
    });
    expect(await stratafs([command])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(new RegExp(`^stratafs ${command}: `)) as string,
    });
  });

  test.each([
    [['ls', '--no-such-option', 'x']],
    [['ls', '--strip', 'many', 'x']],
    [['ls', '--whiteouts', 'aufs', 'x']],
    [['ls', 'a', 'b', 'c']],
    [['diff', 'a']],
    [['cat', 'a']],
  ])('%j is a mistake, told in two lines', async (args) => {
    const { code, err } = await stratafs(args);
    expect(code).toBe(2);
    expect(err).toMatch(/^stratafs \w+: [^\n]+\n'stratafs \w+ --help' tells more\n$/);
  });

  test.each([
    [['ls', 'missing.zip'], /^stratafs ls: ENOENT: .*'missing\.zip'/],
    [['ls', tmpdir()], /^stratafs ls: EISDIR: /],
    [['ls', import.meta.filename], /^stratafs ls: EINVAL: .*not a zip/],
  ])('%j is told in one line with its POSIX code', async (args, expected) => {
    const { code, err } = await stratafs(args);
    expect(code).toBe(2);
    expect(err).toMatch(expected);
    expect(err.split('\n')).toHaveLength(2);
  });

  test('a path that does not exist in the archive is told', async () => {
    expect((await stratafs(['ls', at('a.zip'), 'no/such'])).err).toMatch(/ENOENT/);
    expect((await stratafs(['ls', at('a.zip'), 'tool/x'])).err).toMatch(/ENOTDIR/);
    expect((await stratafs(['cat', at('a.zip'), 'dir'])).err).toMatch(/EISDIR/);
    symlinkSync('a.zip', at('linked.zip'));
    expect((await stratafs(['ls', at('linked.zip')])).code).toBe(0);
  });
});
