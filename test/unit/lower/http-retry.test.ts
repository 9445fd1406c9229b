/* A network with troubles that pass, and servers that want patience. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpSource } from '../../../src/lower/http-source.ts';
import { retryAfter } from '../../../src/lower/retry.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, type ServerMode, startRangeServer } from '../../support/range-server.ts';

const SIZE = 3 << 20;
const content = noise(SIZE);
const files = new Map([
  ['a.zip', content],
  ['a.tgz', content],
]);
const retry = { delay: 1, stall: 400 };

let server: RangeServer;
beforeEach(async () => {
  server = await startRangeServer({ files });
});
afterEach(() => server.close());

const same = (bytes: Uint8Array, start: number, end: number): void => expect(Buffer.compare(bytes, content.subarray(start, end))).toBe(0);

const passing: ServerMode[] = ['failing', 'busy', 'dying', 'stalling', 'silent'];

describe('trouble that passes is not heard of', () => {
  test.each(passing)('%s, while the size is asked for', async (mode) => {
    server.next.push(mode, mode, mode);
    const source = httpSource(`${server.url}/a.zip`, { retry });
    expect(await source.size()).toBe(SIZE);
    expect(server.requests).toHaveLength(4);
  });

  test.each(passing)('%s, while a range is read', async (mode) => {
    const source = httpSource(`${server.url}/a.zip`, { retry });
    await source.size();
    server.next.push(mode, mode, mode);
    same(await source.read(1000, 2_000_000), 1000, 2_000_000);
    expect(server.requests).toHaveLength(5);
  });

  test.each(passing)('%s, while an archive is fetched whole', async (mode) => {
    server.next.push(mode, mode, mode);
    const source = httpSource(`${server.url}/a.tgz`, { retry });
    expect(await source.size()).toBe(SIZE);
    same(await source.read(0, SIZE), 0, SIZE);
    expect(server.requests).toHaveLength(4);
  });

  test('a 429 is asked again after the time that it tells', async () => {
    server.next.push('too-many');
    const start = performance.now();
    await httpSource(`${server.url}/a.zip`, { retry }).size();
    expect(performance.now() - start).toBeGreaterThan(950);
  });
});

describe('what came before the connection broke off', () => {
  test.each<ServerMode>(['dying', 'stalling'])('is not asked for again in a range: %s', async (mode) => {
    const source = httpSource(`${server.url}/a.zip`, { retry });
    await source.size();
    server.reset();
    server.next.push(mode, mode);
    same(await source.read(0, 1 << 20), 0, 1 << 20);
    expect(server.requests.map(({ range }) => range)).toEqual([
      'bytes=0-1048575',
      expect.stringMatching(/^bytes=[1-9]\d+-1048575$/),
      expect.stringMatching(/^bytes=[1-9]\d+-1048575$/),
    ]);
    expect(source.stats.bytes).toBe((1 << 20) + 66_560);
  });

  test('is not asked for again in a whole archive', async () => {
    server.next.push('dying');
    const source = httpSource(`${server.url}/a.tgz`, { retry });
    await source.size();
    same(await source.read(0, SIZE), 0, SIZE);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d+-3145727$/)]);
    expect(source.stats.bytes).toBe(SIZE);
  });

  test('counts as progress: a server that dies every time ends in success as long as it brings something', async () => {
    const source = httpSource(`${server.url}/a.zip`, { retry });
    await source.size();
    // Halves: 1.4 MB, 0.7 and 0.35 are progress, and so the two after them are the first failures in a row.
    server.next.push('dying', 'dying', 'dying', 'dying', 'dying');
    same(await source.read(0, 2_900_000), 0, 2_900_000);
  });

  test('is thrown away where nothing marks the version', async () => {
    await using plain = await startRangeServer({ files, marks: 'none' });
    const source = httpSource(`${plain.url}/a.zip`, { retry });
    await source.size();
    plain.reset();
    plain.next.push('dying');
    same(await source.read(0, 1 << 20), 0, 1 << 20);
    expect(plain.requests.map(({ range }) => range)).toEqual(['bytes=0-1048575', 'bytes=0-1048575']);
  });
});

describe('an archive that changes between two tries', () => {
  const other = noise(SIZE, 7);

  test('is ESTALE in a range, never a mix', async () => {
    const own = new Map([['a.zip', content]]);
    await using changing = await startRangeServer({ files: own });
    const source = httpSource(`${changing.url}/a.zip`, { retry: { delay: 50 } });
    await source.size();
    changing.next.push('dying');
    const reading = source.read(0, 1 << 20);
    setTimeout(() => own.set('a.zip', other), 15);
    await expect(reading).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test.each<ServerMode>(['dying', 'stalling'])(
    'is ESTALE in a whole archive too, which was opened when its size was told: %s',
    async (mode) => {
      const own = new Map([['a.tgz', content]]);
      await using changing = await startRangeServer({ files: own });
      changing.next.push(mode);
      const source = httpSource(`${changing.url}/a.tgz`, { retry: { delay: 60, stall: 400 } });
      expect(await source.size()).toBe(SIZE);
      own.set('a.tgz', other);
      await expect(source.read(0, SIZE)).rejects.toMatchObject({ code: 'ESTALE' });
    },
  );
});

describe('trouble that does not pass', () => {
  test('is tried four times', async () => {
    server.mode = 'failing';
    await expect(httpSource(`${server.url}/a.zip`, { retry }).size()).rejects.toMatchObject({ code: 'EIO' });
    expect(server.requests).toHaveLength(4);
  });

  test.each<ServerMode>(['not-found', 'short-body', 'wrong-range', 'gzip-ranges'])(
    'is tried once where it is an answer: %s',
    async (mode) => {
      const source = httpSource(`${server.url}/a.zip`, { retry });
      await source.size();
      server.reset();
      server.mode = mode;
      await expect(source.read(5000, 9000)).rejects.toMatchObject({ code: 'EIO' });
      expect(server.requests).toHaveLength(1);
    },
  );

  test('is not waited for when the server wants an hour', async () => {
    server.mode = 'closed-for-an-hour';
    await expect(httpSource(`${server.url}/a.zip`).size()).rejects.toMatchObject({ code: 'EIO' });
    expect(server.requests).toHaveLength(1);
  });

  test('is not tried again when the caller asks for one try', async () => {
    server.mode = 'failing';
    await expect(httpSource(`${server.url}/a.zip`, { retry: { tries: 1 } }).size()).rejects.toMatchObject({ code: 'EIO' });
    expect(server.requests).toHaveLength(1);
  });

  test('ends at once when the caller gives up, also between two tries', async () => {
    server.mode = 'failing';
    const abort = new AbortController();
    const reading = httpSource(`${server.url}/a.zip`, { retry: { delay: 9000 } }).size(abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.requests).toHaveLength(1);
  });
});

test('headers and credentials go with every request', async () => {
  const seen: RequestInit[] = [];
  const spy = (url: string, init: RequestInit): Promise<Response> => {
    seen.push(init);
    return fetch(url, init);
  };
  const source = httpSource(`${server.url}/a.zip`, { fetch: spy, credentials: 'include', headers: { 'x-token': 'secret' } });
  await source.size();
  await source.read(0, 10);
  expect(seen).toHaveLength(2);
  for (const init of seen) {
    expect(init.credentials).toBe('include');
    expect(new Headers(init.headers).get('x-token')).toBe('secret');
    expect(new Headers(init.headers).get('range')).toMatch(/^bytes=/);
  }
});

test('Retry-After is seconds or a date', () => {
  expect(retryAfter('3')).toBe(3000);
  expect(retryAfter('Fri, 01 Jan 2027 00:00:05 GMT', Date.parse('2027-01-01T00:00:00Z'))).toBe(5000);
  expect(retryAfter('Fri, 01 Jan 2027 00:00:05 GMT', Date.parse('2027-01-01T00:01:00Z'))).toBe(0);
  expect(retryAfter('soon')).toBe(0);
  expect(retryAfter(null)).toBe(0);
});
