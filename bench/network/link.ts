/* A suite's end of the data server: sets the link, and counts what went over it. */

import type { LinkSettings, Traffic } from '../data/server.ts';
import type { Measure } from '../harness/suite.ts';

export const LOOPBACK: LinkSettings = {};
/** No server. */
export const OFFLINE: LinkSettings = { down: true };
/** What the targets of a start over the network speak of. */
export const HOME: LinkSettings = { latency: 50, megabits: 50 };

export const dataUrl = (name: string): string => new URL(`/data/${name}`, location.origin).href;

/** Sets the link, and gives what was counted since it was last set. */
export async function setLink(settings: LinkSettings): Promise<Traffic> {
  const answer = await fetch('/link', { method: 'POST', body: JSON.stringify(settings) });
  return (await answer.json()) as Traffic;
}

/** Milliseconds of `work` over a link, with what was counted meanwhile. `work` tells how long it took. */
export async function overLink(settings: LinkSettings, work: () => Promise<number>): Promise<{ ms: number; traffic: Traffic }> {
  await setLink(settings);
  const ms = await work();
  return { ms, traffic: await setLink(LOOPBACK) };
}

export const measureOf = ({ ms, traffic }: { ms: number; traffic: Traffic }): Measure => ({
  ms,
  counts: { requests: traffic.requests, bytes: traffic.bytes },
});

/** Forgets what the origin's cache keeps: the next opening is the first. */
export async function forgetArchives(): Promise<void> {
  for (const name of await caches.keys()) await caches.delete(name);
}

/** Something that a benchmark asks for once. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
