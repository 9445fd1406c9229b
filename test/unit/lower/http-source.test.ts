/* Archives behind a real server that counts, and that misbehaves as servers and proxies do. */

import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpSource } from '../../../src/lower/http-source.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { tarArchive, zipArchive } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import { noise } from '../../support/noise.ts';
import type { LoadProgress } from '../../../src/lower/http-request.ts';
import { type RangeServer, type ServerMode, startRangeServer } from '../../support/range-server.ts';

const names = Array.from({ length: 5000 }, (_, i) => `packages/some-package-${i % 50}/lib/file-${i}.js`);
const big = zipArchive([
  ...names.map((name) => ({ name, content: `// ${name}\n${'export const x = 1;\n'.repeat(30)}`, deflate: true })),
  { name: 'large.bin', content: noise(3 << 20) },
]);
const small = zipArchive([{ name: 'a', content: 'alpha' }]);
const tar = tarArchive([
  { name: 'a', content: 'alpha' },
  { name: 'large.bin', content: noise(2 << 20) },
]);
const files = new Map([
  ['big.zip', big],
  ['small.zip', small],
  ['a.tgz', new Uint8Array(gzipSync(tar))],
  ['a.tar', tar],
  ['nameless', new Uint8Array(gzipSync(tar))],
]);
/** The central directory with its end record. */
const indexSize = big.length - new DataView(big.buffer).getUint32(big.length - 6, true);

/** A new one for each test: the log of an old one may still get a request that was given up. */
let server: RangeServer;
beforeEach(async () => {
  server = await startRangeServer({ files });
});
afterEach(() => server.close());

/** Failures that pass are tried again at once. */
const retry = { tries: 2, delay: 1, stall: 500 };

/** In the middle: neither with the first bytes nor with the last. */
const middle = names[2500]!;
const readMiddle = () => openLayer(`${server.url}/big.zip`, { retry }).then((layer) => textAt(layer, middle));

describe('what is asked for', () => {
  test('a zip of 5,000 entries is opened and one file read in three requests, with less than 64 KiB too much', async () => {
    expect(await readMiddle()).toContain(middle);
    expect(server.requests).toHaveLength(3);
    expect(server.bytes).toBeLessThan(indexSize + (64 << 10));
  });

  test('once the size is known, opening takes two requests at most', async () => {
    await openLayer(`${server.url}/big.zip`);
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=-66560', `bytes=${big.length - indexSize}-${big.length - 66_561}`]);
  });

  test('a small archive is one request', async () => {
    expect(await textAt(await openLayer(`${server.url}/small.zip`), '/a')).toBe('alpha');
    expect(server.requests).toHaveLength(1);
  });

  test.each(['a.tgz', 'a.tar'])('%s is one request', async (name) => {
    expect(await textAt(await openLayer(`${server.url}/${name}`), '/a')).toBe('alpha');
    expect(server.requests).toMatchObject([{ range: undefined, status: 200 }]);
  });

  test('a tarball whose URL does not say what it is, is told by its content', async () => {
    expect(await textAt(await openLayer(`${server.url}/nameless`), '/a')).toBe('alpha');
    expect(server.bytes).toBeLessThan(files.get('nameless')!.length + 1024);
  });

  test('reading every file asks for each byte once, in far fewer requests than files', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    for (const [path, { content }] of await dumpLayer(layer)) if (path.endsWith('.js')) expect(content?.length).toBeGreaterThan(600);
    expect(server.bytes).toBeLessThanOrEqual(big.length);
    expect(server.requests.length).toBeLessThan(25);
  });

  test('reading them all at once does too, with at most six requests at a time', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    server.latency = 5;
    await Promise.all(names.map(async (name) => expect(await textAt(layer, name)).toContain(name)));
    expect(server.bytes).toBeLessThanOrEqual(big.length);
    expect(server.requests.length).toBeLessThan(25);
    expect(server.concurrency).toBeGreaterThan(1);
    expect(server.concurrency).toBeLessThanOrEqual(6);
  });

  test('what was read once is at hand', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    const entry = entryAt(layer, names[7]!);
    expect(layer.peek(entry, 0, 5)).toBeUndefined();
    await layer.read(entry, 0, 5);
    server.reset();
    expect(Buffer.from(layer.peek(entry, 0, 5)!).toString()).toBe('// pa');
    await layer.read(entry, 0, 5);
    expect(server.requests).toEqual([]);
  });

  test('progress ends at what was fetched, and knows the size', async () => {
    const seen: LoadProgress[] = [];
    await openLayer(`${server.url}/a.tgz`, { onProgress: (progress) => seen.push(progress) });
    const size = files.get('a.tgz')!.length;
    expect(seen.at(-1)).toEqual({ loaded: size, total: size, entries: 2 });
    expect(seen.every(({ loaded }, i) => i === 0 || loaded >= seen[i - 1]!.loaded)).toBe(true);
  });
});

describe('a server without ranges', () => {
  test('sends the whole archive, which is adopted: one request, whatever is read', async () => {
    server.mode = 'no-ranges';
    const layer = await openLayer(`${server.url}/big.zip`);
    for (const name of names.slice(0, 100)) await textAt(layer, name);
    expect(server.requests).toHaveLength(1);
  });

  test('may stop sending ranges at any time', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    server.mode = 'no-ranges';
    for (const name of [names[0]!, names[4000]!, 'large.bin']) await textAt(layer, name);
    expect(server.requests).toHaveLength(3);
  });

  test('that sends more than is allowed is refused', async () => {
    server.mode = 'no-ranges';
    await expect(openLayer(`${server.url}/big.zip`, { maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'EFBIG' });
  });

  test('that takes a suffix for a beginning is understood', async () => {
    server.mode = 'no-suffix';
    expect(await readMiddle()).toContain(middle);
    expect(server.requests).toHaveLength(4);
  });

  test('that compresses whole archives is understood', async () => {
    server.mode = 'gzip-whole';
    expect(await textAt(await openLayer(`${server.url}/a.tar`), '/a')).toBe('alpha');
    expect(await readMiddle()).toContain(middle);
  });
});

describe('a server that lies or dies gives EIO with the cause', () => {
  const cases: [ServerMode, RegExp][] = [
    ['short-body', /came where \d+ were asked for/],
    ['wrong-range', /came where \d+ to \d+ were asked for/],
    ['gzip-ranges', /Content-Encoding: gzip/],
    ['dying', /cannot be fetched/],
    ['not-found', /HTTP 404 Not Found/],
    ['failing', /HTTP 500 Internal Server Error/],
    ['silent', /nothing came for 0.5 s/],
    ['stalling', /nothing came for 0.5 s/],
    ['busy', /HTTP 503/],
    ['closed-for-an-hour', /HTTP 429/],
  ];
  const failure = (detail: RegExp) => ({ code: 'EIO', detail: expect.stringMatching(detail) as string, cause: expect.any(Error) as Error });

  test.each(cases)('at open: %s', async (mode, detail) => {
    server.mode = mode;
    await expect(openLayer(`${server.url}/big.zip`, { retry })).rejects.toMatchObject(failure(detail));
  });

  test.each(cases)('while a file is read: %s, and a later read succeeds', async (mode, detail) => {
    const layer = await openLayer(`${server.url}/big.zip`, { retry });
    server.mode = mode;
    const entry = entryAt(layer, 'large.bin');
    await expect(layer.read(entry, 0, 10)).rejects.toMatchObject(failure(detail));
    expect(layer.peek(entry, 0, 10)).toBeUndefined();
    server.mode = 'ranges';
    expect(Buffer.from(await layer.read(entry, 0, 3 << 20)).equals(noise(3 << 20))).toBe(true);
  });

  test('a whole archive that is cut short is not taken', async () => {
    const cut = Uint8Array.from(files.get('a.tgz')!.subarray(0, 100_000));
    const fetchCut = async () => new Response(cut, { headers: { 'content-length': String(cut.length + 1) } });
    await expect(openLayer('http://x.test/a.tgz', { fetch: fetchCut })).rejects.toMatchObject(
      failure(/ended after 100000 of 100001 bytes/),
    );
  });

  test('nobody there', async () => {
    await expect(openLayer('http://127.0.0.1:1/a.zip', { retry })).rejects.toMatchObject(failure(/cannot be fetched/));
  });
});

describe('headers that no server should send are EIO or EFBIG, and make no room', () => {
  /** One answer to whatever is asked. */
  const answering =
    (status: number, headers: Record<string, string>): (() => Promise<Response>) =>
    async () =>
      new Response(new Uint8Array(100), { status, headers });
  const open = (fetch: () => Promise<Response>, options = {}) =>
    openLayer('http://server.invalid/a.zip', { fetch, retry: { tries: 1 }, ...options });

  test.each([
    ['that ends before it starts', 'bytes 100-50/200000', 'EIO'],
    ['that reaches beyond the whole', 'bytes 0-99/50', 'EIO'],
    ['of a size that no number has', 'bytes 0-99/99999999999999999999999', 'EIO'],
    ['of all of a huge archive', `bytes 0-${2 ** 40 - 1}/${2 ** 40}`, 'EFBIG'],
    ['that claims a gigabyte and has 100 bytes', `bytes 0-${2 ** 30 - 1}/${2 ** 30}`, 'EIO'],
  ])('a Content-Range %s', async (_, header, code) => {
    await expect(open(answering(206, { 'content-range': header }))).rejects.toMatchObject({
      code,
      detail: expect.stringMatching(/^http:\/\/server\.invalid\/a\.zip: /) as string,
    });
  });

  test('a Content-Length beyond all memory, where the caller allows it', async () => {
    await expect(open(answering(200, { 'content-length': String(2 ** 50) }), { maxBytes: 2 ** 52 })).rejects.toMatchObject({
      code: 'EFBIG',
      detail: 'http://server.invalid/a.zip: more bytes than there is memory for',
    });
  });
});

describe('an archive that changes on the server is ESTALE, never a mix of two', () => {
  /** Answers every range from one archive, with marks that a test changes. */
  function marked(first: Record<string, string>) {
    const marks = { now: first };
    const fetch = async (_: string, { headers }: RequestInit): Promise<Response> => {
      const [, start = '', end = ''] = /bytes=(\d*)-(\d*)/.exec(new Headers(headers).get('range') ?? '') ?? [];
      const [from, to] = start === '' ? [big.length - Number(end), big.length] : [Number(start), Number(end) + 1];
      const range = { 'content-range': `bytes ${from}-${to - 1}/${big.length}`, 'content-length': String(to - from) };
      return new Response(big.slice(from, to), { status: 206, headers: { ...range, ...marks.now } });
    };
    return { marks, source: httpSource('http://server.invalid/big.zip', { fetch, retry }) };
  }
  const [monday, tuesday] = ['Mon, 05 Jan 2026 00:00:00 GMT', 'Tue, 06 Jan 2026 00:00:00 GMT'];

  test('by its Last-Modified, where only a weak ETag is the same', async () => {
    const { marks, source } = marked({ etag: 'W/"a"', 'last-modified': monday });
    await source.size();
    const { version } = source;
    marks.now = { etag: 'W/"a"', 'last-modified': tuesday };
    await expect(source.read(0, 1000)).rejects.toMatchObject({ code: 'ESTALE' });
    expect(await source.compare(version!, 1000)).toBe('changed');
  });

  test('and copies of one archive with one strong ETag are the same, whenever they were made', async () => {
    const { marks, source } = marked({ etag: '"a"', 'last-modified': monday });
    await source.size();
    marks.now = { etag: '"a"', 'last-modified': tuesday };
    expect(await source.read(0, 1000)).toHaveLength(1000);
    expect(await source.compare(source.version!, 1000)).toBe('same');
  });

  test('and what was kept counts as changed where no mark can be compared', async () => {
    const { marks, source } = marked({ etag: '"a"' });
    await source.size();
    marks.now = { 'last-modified': monday };
    expect(await source.compare(source.version!, 1000)).toBe('changed');
    marks.now = {};
    expect(await source.compare(source.version!, 1000)).toBe('changed');
  });

  test('by its ETag', async () => {
    server.mode = 'changing-etag';
    await expect(openLayer(`${server.url}/big.zip`)).rejects.toMatchObject({
      code: 'ESTALE',
      cause: { message: expect.stringMatching(/^ETag was/) as string },
    });
  });

  test.each([
    ['by its size', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['by becoming shorter than the range', (bytes: Uint8Array) => bytes.subarray(0, 1000)],
  ])('%s', async (_, change) => {
    const own = new Map<string, Uint8Array>([['big.zip', big]]);
    await using other = await startRangeServer({ files: own });
    // Without an ETag: as across origins, where it is hidden.
    const plain = async (url: string, init: RequestInit) => {
      const response = await fetch(url, init);
      const headers = new Headers(response.headers);
      headers.delete('etag');
      return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
    };
    const layer = await openLayer(`${other.url}/big.zip`, { fetch: plain });
    own.set('big.zip', change(big));
    await expect(textAt(layer, 'large.bin')).rejects.toMatchObject({ code: 'ESTALE' });
    other.mode = 'no-ranges';
    await expect(textAt(layer, names[0]!)).rejects.toMatchObject({ code: 'ESTALE' });
  });
});

describe('across origins', () => {
  /** What a page of another origin sees: no headers but the safe ones, and no suffix ranges, which need a preflight. */
  function hidden(exposed: readonly string[] = []) {
    const safe = new Set([
      'cache-control',
      'content-language',
      'content-length',
      'content-type',
      'expires',
      'last-modified',
      'pragma',
      ...exposed,
    ]);
    return async (url: string, init: RequestInit): Promise<Response> => {
      if (/=-/.test(new Headers(init.headers).get('range') ?? '')) throw new TypeError('Failed to fetch');
      const response = await fetch(url, init);
      const headers = new Headers([...response.headers].filter(([name]) => safe.has(name)));
      return Object.defineProperty(new Response(response.body, { status: response.status, headers }), 'type', { value: 'cors' });
    };
  }
  const elsewhere = async (run: () => Promise<void>): Promise<void> => {
    Object.defineProperty(globalThis, 'location', { value: new URL('https://app.test/'), configurable: true });
    try {
      await run();
    } finally {
      Reflect.deleteProperty(globalThis, 'location');
    }
  };

  test('the size comes from Content-Range where it is exposed', () =>
    elsewhere(async () => {
      const layer = await openLayer(`${server.url}/big.zip`, { fetch: hidden(['content-range']) });
      expect(await textAt(layer, middle)).toContain(middle);
      expect(server.requests.map(({ method, range }) => `${method} ${range}`).slice(0, 2)).toEqual([
        'GET bytes=0-1023',
        `GET bytes=${big.length - 66_560}-${big.length - 1}`,
      ]);
      expect(server.requests).toHaveLength(4);
    }));

  test('the size comes from HEAD where Content-Range is hidden, and is checked by one byte beyond', () =>
    elsewhere(async () => {
      const layer = await openLayer(`${server.url}/big.zip`, { fetch: hidden() });
      expect(await textAt(layer, middle)).toContain(middle);
      expect(server.requests.map(({ method, range }) => `${method} ${range}`).slice(0, 3)).toEqual([
        'GET bytes=0-1023',
        'HEAD undefined',
        `GET bytes=${big.length - 66_560}-${big.length}`,
      ]);
      expect(server.requests).toHaveLength(5);
    }));

  test('a HEAD that tells the compressed size is found out, and the archive is fetched whole', () =>
    elsewhere(async () => {
      server.mode = 'gzip-whole';
      const layer = await openLayer(`${server.url}/big.zip`, { fetch: hidden() });
      expect(await textAt(layer, middle)).toContain(middle);
      expect(server.requests.at(-1)).toMatchObject({ method: 'GET', range: undefined });
    }));

  test.each<ServerMode>(['short-body', 'dying'])('wrong bytes are never served: %s', (mode) =>
    elsewhere(async () => {
      const layer = await openLayer(`${server.url}/big.zip`, { fetch: hidden(), retry });
      server.mode = mode;
      await expect(textAt(layer, 'large.bin')).rejects.toMatchObject({ code: 'EIO' });
    }),
  );
});

describe('aborting', () => {
  test('an open that is aborted rejects with the reason', async () => {
    server.latency = 200;
    const reason = new Error('enough');
    const opening = openLayer(`${server.url}/big.zip`, { signal: AbortSignal.abort(reason) });
    await expect(opening).rejects.toBe(reason);
    const later = new AbortController();
    const second = openLayer(`${server.url}/big.zip`, { signal: later.signal });
    setTimeout(() => later.abort(), 20);
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a read that is aborted leaves others of the same bytes alone', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    server.latency = 50;
    const entry = entryAt(layer, names[3]!);
    const abort = new AbortController();
    const [first, second] = [layer.read(entry, 0, 5, abort.signal), layer.read(entry, 0, 5)];
    abort.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect(Buffer.from(await second).toString()).toBe('// pa');
    expect(server.requests).toHaveLength(3);
  });

  test('a read that nobody waits for any more can be asked for again', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    server.latency = 50;
    const entry = entryAt(layer, names[3]!);
    const abort = new AbortController();
    const first = layer.read(entry, 0, 5, abort.signal);
    abort.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect(Buffer.from(await layer.read(entry, 0, 5)).toString()).toBe('// pa');
  });

  test('a closed layer lets go of its requests', async () => {
    const layer = await openLayer(`${server.url}/big.zip`);
    server.latency = 1000;
    const reading = layer.read(entryAt(layer, names[3]!), 0, 5);
    await layer.close();
    await expect(reading).rejects.toBeInstanceOf(Error);
  });
});

test('a source counts its requests and bytes', async () => {
  const source = httpSource(`${server.url}/big.zip`);
  expect(await source.size()).toBe(big.length);
  expect(source.stats).toEqual({ requests: 1, bytes: 66_560, syncRequests: 0 });
});

describe('what has come of a range', () => {
  /** Opens, and reads a range of which half comes; gives how many bytes were told of. */
  async function heardOf(url: string, next: ServerMode): Promise<number> {
    const source = httpSource(`${url}/big.zip`, { retry: { ...retry, tries: 1 } });
    await source.size();
    server.next.push(next);
    let heard = 0;
    const onArrival = (bytes: Uint8Array): void => {
      heard = bytes.length;
      expect(Buffer.compare(bytes, big.subarray(1000, 1000 + heard))).toBe(0);
    };
    await expect(source.read(1000, 501_000, undefined, onArrival)).rejects.toMatchObject({ code: 'EIO' });
    source.close();
    return heard;
  }

  test('is told before the rest is there, when it is certainly what was asked for', async () => {
    expect(await heardOf(server.url, 'dying')).toBe(250_000);
  });

  test.each(['short-body', 'wrong-range', 'gzip-ranges'] as const)('is not told by a server that is %s', async (mode) => {
    expect(await heardOf(server.url, mode)).toBe(0);
  });

  test('is not told where nothing says which version it is of', async () => {
    await using unmarked = await startRangeServer({ files, marks: 'none' });
    const source = httpSource(`${unmarked.url}/big.zip`, { retry });
    await source.size();
    let heard = 0;
    const bytes = await source.read(1000, 501_000, undefined, () => heard++);
    expect(Buffer.compare(bytes, big.subarray(1000, 501_000))).toBe(0);
    expect(heard).toBe(0);
  });
});
