/* Literal search over the merged tree: the same as reading every file and looking, whatever the layers, and told as an editor wants it. */

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts';
import { FsError } from '../../src/base/errors.ts';
import type { Match, SearchOptions, SearchedFile } from '../../src/base/search.ts';
import { JavaScriptCodec } from '../../src/codec/javascript-codec.ts';
import { loadCodec, makeNeedle } from '../../src/codec/codec.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import type { Overlay } from '../../src/fs/overlay.ts';
import { SearchWindow } from '../../src/fs/search-window.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { zipArchive } from '../support/archives.ts';
import { Bench } from '../support/bench.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { startRangeServer } from '../support/range-server.ts';
import { Random } from '../unit/codec/streams.ts';
import { dir, fifo, file, hardLink, sparse, symlink, tree, whiteout } from '../support/tree.ts';

async function found(overlay: Overlay, text: string, options?: SearchOptions): Promise<SearchedFile[]> {
  const all: SearchedFile[] = [];
  for await (const one of overlay.search(text, options)) all.push(one);
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const paths = async (overlay: Overlay, text: string, options?: SearchOptions): Promise<string[]> =>
  (await found(overlay, text, options)).map(({ path }) => path);

/** Where a line and a column are, from the start of the file on, by the plain definition. */
function placed(bytes: Uint8Array, literal: Uint8Array): Pick<Match, 'line' | 'column'>[] {
  const places: Pick<Match, 'line' | 'column'>[] = [];
  for (let at = 0; (at = Buffer.from(bytes).indexOf(literal, at)) >= 0; at += literal.length) {
    const lines = decodeUtf8(bytes.subarray(0, at)).split('\n');
    places.push({ line: lines.length, column: lines.at(-1).length + 1 });
  }
  return places;
}

/** What a search must find, by reading every file. */
async function naive(fs: FsPromises, text: string): Promise<{ path: string; matches: Pick<Match, 'line' | 'column'>[] }[]> {
  const all: { path: string; matches: Pick<Match, 'line' | 'column'>[] }[] = [];
  for (const entry of await fs.readdir('/', { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = entry.parentPath === '/' ? `/${entry.name}` : `${entry.parentPath}/${entry.name}`;
    const bytes = await fs.readFile(path);
    const matches = bytes.subarray(0, 8192).includes(0) ? [] : placed(bytes, encodeUtf8(text));
    if (matches.length > 0) all.push({ path, matches });
  }
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

describe('what is found', () => {
  test('is told by file with line, column and the text of the line', async () => {
    const bench = await Bench.mount([lower(file('a.ts', 'one\r\nlet x = "é𝄞x";\n\nx'), dir('d', file('b', 'no')))]);
    expect(await found(bench.overlay, 'x')).toEqual([
      {
        path: '/a.ts',
        hasMore: false,
        matches: [
          { line: 2, column: 5, text: 'let x = "é𝄞x";', start: 4, end: 5 },
          { line: 2, column: 13, text: 'let x = "é𝄞x";', start: 12, end: 13 },
          { line: 4, column: 1, text: 'x', start: 0, end: 1 },
        ],
      },
    ]);
    expect(await found(bench.overlay, '"\u00e9\u{1d11e}')).toMatchObject([{ matches: [{ line: 2, column: 9, start: 8, end: 12 }] }]);
  });

  test('may be a part of a text of several lines, of which the first is told', async () => {
    const bench = await Bench.mount([lower(file('a', 'x {\r\n  y\r\n}\n'))]);
    expect(await found(bench.overlay, '{\r\n  y')).toMatchObject([{ matches: [{ line: 1, column: 3, text: 'x {', start: 2, end: 3 }] }]);
    expect(await found(bench.overlay, '\n}')).toMatchObject([{ matches: [{ line: 2, column: 5, text: '  y', start: 3, end: 3 }] }]);
  });

  test('of a long line is told with what is near it, cut between characters', async () => {
    const line = `${'ä'.repeat(3000)}needle${'𝄞'.repeat(3000)}`;
    const bench = await Bench.mount([lower(file('a', `first\n${line}\nlast`))]);
    const [{ matches }] = (await found(bench.overlay, 'needle')) as [SearchedFile];
    expect(matches).toEqual([{ line: 2, column: 3001, text: `${'ä'.repeat(128)}needle${'𝄞'.repeat(64)}`, start: 128, end: 134 }]);
  });

  test('is case-sensitive, unless ASCII letters are to be taken for the same', async () => {
    const bench = await Bench.mount([lower(file('a', 'TODO'), file('b', 'todo'), file('c', 'ToDo'), file('d', 'Ä'), file('e', 'ä'))]);
    expect(await paths(bench.overlay, 'todo')).toEqual(['/b']);
    expect(await paths(bench.overlay, 'tODO', { ignoreCase: true })).toEqual(['/a', '/b', '/c']);
    expect(await paths(bench.overlay, 'ä', { ignoreCase: true })).toEqual(['/e']);
  });

  test('is in the merged tree: whiteouts hide, the upper shows before it is committed, renamed and linked files by their names', async () => {
    const top = lower(dir('d', whiteout('gone'), file('hidden', 'nothing')));
    const bottom = lower(
      dir('d', file('gone', 'x1'), file('hidden', 'x2'), file('stays', 'x3')),
      file('old', 'x4'),
      hardLink('older', '/old'),
      symlink('link', 'old'),
      fifo('pipe'),
    );
    const bench = await Bench.mount([top, bottom]);
    await bench.fs.rename('/d', '/moved');
    await bench.fs.unlink('/old');
    const writing = bench.fs.writeFile('/new', 'x5');
    const searching = paths(bench.overlay, 'x');
    expect(await searching).toEqual(['/moved/stays', '/new', '/older']);
    await writing;
  });

  test('is in files that the globs mean, and in binary ones when it is asked for', async () => {
    const source = dir('src', file('a.ts', 'x'), file('b.js', 'x'), dir('deep', file('c.ts', 'x')));
    const layer = lower(source, dir('node_modules', file('d.ts', 'x')), file('late', `${' '.repeat(8192)}\0x`), file('bin', '\0x'));
    const bench = await Bench.mount([layer]);
    expect(await paths(bench.overlay, 'x', { include: ['**/*.ts'] })).toEqual(['/node_modules/d.ts', '/src/a.ts', '/src/deep/c.ts']);
    expect(await paths(bench.overlay, 'x', { include: ['src'], exclude: ['src/deep'] })).toEqual(['/src/a.ts', '/src/b.js']);
    expect(await paths(bench.overlay, 'x', { exclude: ['src', 'node_modules'] })).toEqual(['/late']);
    expect(await paths(bench.overlay, 'x', { exclude: ['src', 'node_modules'], binary: true })).toEqual(['/bin', '/late']);
  });

  test('is bounded by file and in all', async () => {
    const bench = await Bench.mount([lower(...Array.from({ length: 9 }, (_, i) => file(`f${i}`, 'x\nx x\nx')))]);
    const [first] = await found(bench.overlay, 'x', { perFile: 3 });
    expect(first).toMatchObject({ hasMore: true, matches: [{ line: 1 }, { line: 2, column: 1 }, { line: 2, column: 3 }] });
    expect((await found(bench.overlay, 'x', { perFile: 4 }))[0]!.hasMore).toBe(false);
    const some = await found(bench.overlay, 'x', { limit: 6 });
    expect(some.map(({ matches, hasMore }) => [matches.length, hasMore])).toEqual([
      [4, false],
      [2, true],
    ]);
  });

  test('needs a text, and numbers and patterns that mean something', async () => {
    const bench = await Bench.mount([lower(file('a'))]);
    await expect(found(bench.overlay, '')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(found(bench.overlay, 'é'.repeat(513))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(found(bench.overlay, 'x', { limit: 0 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    await expect(found(bench.overlay, 'x', { include: [''] })).rejects.toThrow(TypeError);
  });
});

describe('the same as by reading everything', () => {
  test('in random trees over lowers and upper', async () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'ab', 'aa', '\n', '\r\n', 'é', '𝄞', '\u{feff}', '\0'), { maxLength: 40 });
    const content = text.map((parts) => parts.join(''));
    const trees = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a', 'f'), content), { maxLength: 6 });
    const needles = fc.constantFrom('a', 'aa', 'ab', 'aab', 'é', '𝄞', 'é\n', '\n', '\u{feff}a', 'baa');
    await fc.assert(
      fc.asyncProperty(fc.array(trees, { minLength: 1, maxLength: 3 }), trees, needles, async (layers, written, needle) => {
        const lowers = layers.map((files) => zipArchive([...new Map(files)].map(([name, bytes]) => ({ name, content: bytes }))));
        const bench = await Bench.mount(await Promise.all(lowers.map((bytes) => openLayer(bytes))));
        for (const [name, bytes] of written) {
          await bench.fs.mkdir(`/${name.slice(0, name.lastIndexOf('/') + 1)}`, { recursive: true });
          await bench.fs.writeFile(`/${name}`, bytes);
        }
        const places = (await found(bench.overlay, needle)).map(({ path, matches }) => ({
          path,
          matches: matches.map(({ line, column }) => ({ line, column })),
        }));
        expect(places).toEqual(await naive(bench.fs, needle));
        await bench.close();
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test('wherever a file is cut into pieces, with bytes that are no UTF-8, by both codecs', () => {
    const letter = fc.constantFrom(0x61, 0x62, 0x0a, 0x0d, 0xc3, 0xa9, 0xf0, 0x9f, 0x92, 0xff);
    const contents = fc.array(
      fc.oneof(
        { weight: 20, arbitrary: letter.map((byte) => [byte]) },
        { weight: 1, arbitrary: fc.nat(600).map((n) => new Array<number>(n).fill(0x2e)) },
      ),
      { maxLength: 60 },
    );
    const needles = fc.constantFrom('a', 'aa', 'ab', 'é', 'a\n', 'b\r\na');
    fc.assert(
      fc.property(contents, needles, fc.array(fc.nat(1500), { maxLength: 8 }), fc.boolean(), (parts, text, cuts, isWasm) => {
        const bytes = Uint8Array.from(parts.flat());
        const literal = encodeUtf8(text);
        const ends = [...new Set([...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort((a, b) => a - b);
        const window = new SearchWindow(isWasm ? loadCodec() : new JavaScriptCodec(), makeNeedle(literal, false), Infinity);
        for (const [i, end] of ends.entries()) window.push(bytes.slice(ends[i - 1] ?? 0, end), i === ends.length - 1);
        expect(window.matches.map(({ line, column }) => ({ line, column }))).toEqual(placed(bytes, literal));
        for (const { text: shown, start, end } of window.matches) {
          const [first] = text.split('\n') as [string];
          expect(shown.slice(start, end)).toBe(first.replace(/\r$/, ''));
          expect(shown.length).toBeLessThan(600);
        }
      }),
      { numRuns: 3000, seed: 3 },
    );
  });

  test('in a long line that is cut anywhere, also where its characters are cut or are none', () => {
    const letters = [0xf0, 0x9f, 0x92, 0xa9, 0xc3, 0xa9, 0xe2, 0x82, 0x2e];
    const random = new Random(9);
    for (let length = 1300; length < 1340; length++) {
      const bytes = random.bytes(length).map((byte) => letters[byte % letters.length]!);
      bytes[length - 1] = 0x61;
      const window = new SearchWindow(loadCodec(), makeNeedle(encodeUtf8('a'), false), Infinity);
      for (let at = 0; at < length; at += 37) window.push(bytes.slice(at, at + 37), at + 37 >= length);
      expect(window.matches.map(({ line, column }) => ({ line, column }))).toEqual(placed(bytes, encodeUtf8('a')));
    }
  });

  test('over the edges of the pieces in which files are read', async () => {
    const bytes = new Uint8Array((3 << 20) + 5).fill(0x2e);
    const literal = encodeUtf8('nädel');
    for (const at of [0, (1 << 20) - 6, (1 << 20) - 1, 1 << 20, (2 << 20) - 3, (2 << 20) + 1000, bytes.length - 6]) bytes.set(literal, at);
    bytes[5000] = bytes[(1 << 20) + 400_000] = 0x0a;
    const bench = await Bench.mount([lower(file('large', bytes))]);
    await bench.fs.writeFile('/copy', bytes);
    const expected = placed(bytes, literal);
    for (const { matches } of await found(bench.overlay, 'nädel')) expect(matches).toMatchObject(expected);
  });
});

describe('others', () => {
  test('find only what they may read, and hear of what they may not', async () => {
    const closed = dir('closed', { mode: 0o700 }, file('x', 'x'));
    const bench = await Bench.mount([lower(closed, file('secret', 'x', { mode: 0o600 }), file('public', 'x'))]);
    const all: SearchedFile[] = [];
    for await (const one of bench.overlay.search('x', {}, { uid: 7, gid: 7 })) all.push(one);
    expect(all.map(({ path, error }) => [path, error?.code])).toEqual([
      ['/closed', 'EACCES'],
      ['/secret', 'EACCES'],
      ['/public', undefined],
    ]);
  });

  test('go on while it runs: what is written, removed or renamed then is what is read', async () => {
    const bench = await Bench.mount([lower(...Array.from({ length: 50 }, (_, i) => file(`f${i + 10}`, 'x')))]);
    const seen: string[] = [];
    for await (const { path, error } of bench.overlay.search('x')) {
      expect(error).toBeUndefined();
      if (seen.push(path) === 1) {
        await bench.fs.unlink('/f40');
        await bench.fs.rename('/f41', '/g');
        await bench.fs.writeFile('/f42', 'nothing');
      }
    }
    expect(seen).not.toContain('/f40');
    expect(seen).not.toContain('/f41');
    expect(seen).not.toContain('/f42');
    expect(seen).toHaveLength(47);
  });

  test.each([
    ['in one file', [sparse('large', 20 << 20)]],
    ['among many', Array.from({ length: 20 }, (_, i) => file(`f${i}`))],
    ['of directories', Array.from({ length: 20 }, (_, i) => dir(`d${i}`))],
  ])('have their turn during a long one %s', async (_, items) => {
    const bench = await Bench.mount([lower(...items)]);
    // A slow machine: each look at the clock costs more than a turn has.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 25));
    let turns = 0;
    const count = (): void => void (turns++, (timer = setTimeout(count)));
    let timer = setTimeout(count);
    await found(bench.overlay, 'x', { binary: true });
    clearTimeout(timer);
    vi.restoreAllMocks();
    expect(turns).toBeGreaterThan(10);
  });
});

describe('what cannot be read', () => {
  test('is told, and the search goes on', async () => {
    const broken = treeLayer(tree(file('a', 'x'), file('b', 'x')), { lazy: 'until-read' });
    broken.failWith(new FsError('EIO', { detail: 'no network' }));
    const bench = await Bench.mount([broken, lower(file('c', 'x'))]);
    const all = await found(bench.overlay, 'x');
    expect(all.map(({ path, error }) => [path, error?.code])).toEqual([
      ['/a', 'EIO'],
      ['/b', 'EIO'],
      ['/c', undefined],
    ]);
    expect(all[0]!.error!.message).toMatch(/^EIO.*'\/a'.*no network/);
    expect(await found(bench.overlay, 'x', { limit: 1 })).toHaveLength(1);
  });

  test('in the middle of a file leaves what was found before it', async () => {
    const layer = treeLayer(tree(sparse('large', 3 << 20), file('b', 'x')), { lazy: 'always' });
    const read = layer.read.bind(layer);
    vi.spyOn(layer, 'read').mockImplementation(async (entry, start, end, signal) => {
      if (start > 0) throw new FsError('EIO', { detail: 'cut off' });
      const bytes = await read(entry, start, end, signal);
      return bytes.length > 10 ? bytes.fill(0x78, 100, 102) : bytes;
    });
    const bench = await Bench.mount([layer]);
    const all = await found(bench.overlay, 'x', { binary: true });
    expect(all).toMatchObject([
      { path: '/b', matches: [{ line: 1 }] },
      { path: '/large', matches: [{ column: 101 }, { column: 102 }], error: { code: 'EIO' } },
    ]);
  });

  test('a closed workspace ends it', async () => {
    const bench = await Bench.mount([lower(file('a', 'x'), file('b', 'x'))]);
    const search = bench.overlay.search('x');
    await search.next();
    await bench.overlay.close();
    await expect(search.next()).rejects.toMatchObject({ code: 'EIO', message: expect.stringContaining('closed') as string });
    await expect(bench.overlay.search('x').next()).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('its cost', () => {
  test('an archive behind a network is fetched in its order, a few requests for hundreds of files', async () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({
      name: `d${(i * 7) % 10}/f${(i * 11) % 300}`,
      content: `${'.'.repeat(3000)}${i}x`,
    }));
    const server = await startRangeServer({ files: new Map([['a.zip', zipArchive(entries)]]) });
    try {
      const bench = await Bench.mount([await openLayer(`${server.url}/a.zip`)]);
      server.reset();
      const order: string[] = [];
      for await (const { path } of bench.overlay.search('x')) order.push(path);
      expect(order).toEqual(entries.map(({ name }) => `/${name}`));
      expect(server.requests.length).toBeLessThan(12);
      expect(bench.overlay.recordAccess()).toEqual([[]]);
    } finally {
      await server.close();
    }
  });

  test('a signal ends it and the reading, and so does leaving the loop', async () => {
    const layer = treeLayer(tree(file('a', 'x'), ...Array.from({ length: 20 }, (_, i) => file(`f${i}`, 'x'))), { lazy: 'always' });
    const signals: (AbortSignal | undefined)[] = [];
    const read = layer.read.bind(layer);
    vi.spyOn(layer, 'read').mockImplementation(async (entry, start, end, signal) => {
      signals.push(signal);
      if (signals.length === 1) return read(entry, start, end, signal);
      return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error)));
    });
    const bench = await Bench.mount([layer]);
    const abort = new AbortController();
    const search = bench.overlay.search('x', { signal: abort.signal });
    expect(await search.next()).toMatchObject({ value: { path: '/a' } });
    const next = search.next();
    abort.abort(new Error('enough'));
    await expect(next).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'enough' } });
    expect(signals.every((signal) => signal!.aborted)).toBe(true);
    await expect(bench.overlay.search('x', { signal: abort.signal }).next()).rejects.toMatchObject({ name: 'AbortError' });

    signals.length = 0;
    for await (const _ of bench.overlay.search('x')) break;
    expect(signals.length).toBeGreaterThan(1);
    expect(signals.every((signal) => signal!.aborted)).toBe(true);
  });
});
