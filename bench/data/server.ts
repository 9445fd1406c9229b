/*
 * The archives of a suite, served beside its page: `/data/NAME` by ranges, over a link as slow as the suite asks for, with requests
 * and bytes counted. `/link` sets the link and tells what was counted since the last time; it is neither slowed nor counted itself.
 */

import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { rangeSite } from '../../test/support/range-server.ts';
import { makeArchives } from './archives.ts';

/** What `/link` is sent. */
export interface LinkSettings {
  /** Milliseconds before each answer. */
  readonly latency?: number;
  /** Millions of bits a second, of all connections together; 0 sets no limit. */
  readonly megabits?: number;
  /** Nobody answers: connections end at once. */
  readonly down?: boolean;
}

/** What `/link` answers: counted since it was asked before. */
export interface Traffic {
  readonly requests: number;
  /** Of bodies. */
  readonly bytes: number;
  /** Ranges that were asked for, in order: `[start, end)`. */
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** Answers a request for data; false where it is for something else. */
export type DataServer = (request: IncomingMessage, response: ServerResponse) => boolean;

export async function dataServer(names: readonly string[]): Promise<DataServer> {
  const folder = await makeArchives(names);
  const present = names.filter((name) => existsSync(join(folder, name)));
  const files = new Map(present.map((name) => [`data/${name}`, new Uint8Array(readFileSync(join(folder, name)))]));
  const site = rangeSite({ files });
  let isDown = false;
  const answerLink = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece as Uint8Array);
    const { latency = 0, megabits = 0, down = false } = JSON.parse(Buffer.concat(pieces).toString()) as LinkSettings;
    const ranges = site.requests
      .map(({ path, range }) => rangeOf(range, files.get(path)?.length ?? 0))
      .filter((range) => range !== undefined);
    const traffic: Traffic = { requests: site.requests.length, bytes: site.bytes, ranges };
    site.reset();
    isDown = down;
    site.latency = latency;
    site.bandwidth = megabits === 0 ? Infinity : (megabits * 1e6) / 8;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(traffic));
  };
  return (request, response) => {
    if (request.url === '/link') void answerLink(request, response);
    else if (request.url?.startsWith('/data/') !== true) return false;
    else if (isDown) request.socket.destroy();
    else void site.answer(request, response);
    return true;
  };
}

function rangeOf(header: string | undefined, size: number): readonly [number, number] | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d+)$/.exec(header ?? '') ?? [];
  if (last === '') return undefined;
  return first === '' ? [size - Number(last), size] : [Number(first), Number(last) + 1];
}
