/*
 * Calls from the page through the packaged worker: against a bare comlink echo that answers with as many bytes, and opfs-worker, whose page
 * talks to its worker by comlink too.
 */

import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import { open } from '../../src/index.ts';
import { emptyArchive } from '../contestants/archive.ts';
import { opfsWorker } from '../contestants/opfs-worker.ts';
import type { Calls } from '../contestants/subject.ts';
import { randomBytes } from '../harness/content.ts';
import { timeEach } from '../harness/idb.ts';
import type { Measured, Suite } from '../harness/suite.ts';

const KIB = 1 << 10;
/** Enough that both sides run as compiled code. */
const CALLS = 2000;
const LARGE_CALLS = 100;
const LARGE = 1024 * KIB;
const SMALL = 4 * KIB;

const echo = `
  import { expose, transfer } from 'comlink';
  const small = new Uint8Array(${SMALL});
  const large = new Uint8Array(${LARGE});
  const calls = {
    stat: (path) => ({ path, ino: 1, mode: 33188, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 1, atimeMs: 1, mtimeMs: 1, ctimeMs: 1, birthtimeMs: 1 }),
    read: (path) => {
      const bytes = (path === '/small.bin' ? small : large).slice();
      return transfer(bytes, [bytes.buffer]);
    },
  };
  expose(calls);
  addEventListener('message', ({ data: { port } }) => port && expose(calls, port));
`;

interface Echo {
  stat(path: string): object;
  read(path: string): Uint8Array;
}

const startEcho = (): Worker => new Worker('/echo.js', { type: 'module' });

/** An echo at the other end of a channel, as a workspace is: a worker may serve many, and other pages. */
function overPort(worker: Worker): Remote<Echo> {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ port: port2 }, [port2]);
  return wrap<Echo>(port1);
}

/** Made once for all runs: what is measured are calls, not the start of a worker. */
let ready: Promise<{ ws: Awaited<ReturnType<typeof open>>; bare: Remote<Echo>; port: Remote<Echo>; other: Calls }> | undefined;

async function prepare() {
  const ws = await open({ lower: [], workerUrl: '/worker.js' });
  await ws.fs.writeFile('/small.bin', randomBytes(SMALL));
  await ws.fs.writeFile('/large.bin', randomBytes(LARGE));
  const { calls: other } = await opfsWorker(emptyArchive());
  await other.writeFile('/small.bin', randomBytes(SMALL));
  await other.writeFile('/large.bin', randomBytes(LARGE));
  return { ws, bare: wrap<Echo>(startEcho()), port: overPort(startEcho()), other };
}

async function measure(stat: (path: string) => Promise<unknown>, read: (path: string) => Promise<unknown>): Promise<Measured> {
  return {
    [`${CALLS} × stat`]: await timeEach(CALLS, () => stat('/small.bin')),
    [`${CALLS} × readFile of 4 KiB`]: await timeEach(CALLS, () => read('/small.bin')),
    [`${LARGE_CALLS} × readFile of 1 MiB`]: await timeEach(LARGE_CALLS, () => read('/large.bin')),
  };
}

const target = { against: 'bare comlink', atMost: 1.3 };

export const suite: Suite = {
  name: 'page-calls',
  where: 'page',
  scripts: { 'echo.js': { code: echo }, 'worker.js': { code: `import { serve } from '../../src/rpc/serve.ts'; serve();` } },
  scenarios: [
    {
      name: 'a call of the page, awaited each',
      contestants: {
        stratafs: async () => {
          const { ws } = await (ready ??= prepare());
          return measure(
            (path) => ws.fs.stat(path),
            (path) => ws.fs.readFile(path),
          );
        },
        'opfs-worker': async () => {
          const { other } = await (ready ??= prepare());
          return measure(other.stat, other.readFile);
        },
        'bare comlink, over a port': async () => {
          const { port } = await (ready ??= prepare());
          return measure(
            (path) => port.stat(path),
            (path) => port.read(path),
          );
        },
        'bare comlink': async () => {
          const { bare } = await (ready ??= prepare());
          return measure(
            (path) => bare.stat(path),
            (path) => bare.read(path),
          );
        },
      },
      ours: 'stratafs',
      limit: 'bare comlink',
      targets: { [`${CALLS} × stat`]: target, [`${CALLS} × readFile of 4 KiB`]: target, [`${LARGE_CALLS} × readFile of 1 MiB`]: target },
    },
  ],
};
