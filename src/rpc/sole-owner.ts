/*
 * Ownership without sharing: for an engine that only its own program reaches (the ZenFS backend with an upper of its own). Tabs that
 * open the same workspace are told so at once, instead of waiting for it or taking it for frozen.
 */

import { FsError } from '../base/errors.ts';
import { browserTabs, claimWorkspace } from './ownership.ts';
import { UNSHARED, type Notice } from './tab-wire.ts';

/** How long a page that is reloading may keep the workspace before somebody else is taken to be the owner, in milliseconds. */
const PATIENCE = 3_000;

/**
 * Claims a workspace for oneself; resolves to what gives it back. Where tabs cannot find each other every claim succeeds.
 * @throws {FsError} EBUSY when somebody else keeps it.
 */
export async function claimAlone(name: string, patience = PATIENCE, tabs = browserTabs()): Promise<() => void> {
  if (tabs === undefined) return () => undefined;
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), patience);
  try {
    const held = await claimWorkspace(tabs, name, waiting.signal);
    const owner = crypto.randomUUID();
    const board = tabs.channel(`stratafs:${name}`, (message) => {
      if ((message as Notice).is === 'who') board.post(notice);
    });
    const notice: Notice = { is: 'owner', protocol: UNSHARED, owner, term: Date.now(), mounted: true };
    board.post(notice);
    return () => {
      board.post({ is: 'left', owner } satisfies Notice);
      board.close();
      held.release();
    };
  } catch (e) {
    if (!waiting.signal.aborted) throw e;
    throw new FsError('EBUSY', { detail: `workspace '${name}' is open in another tab or worker` });
  } finally {
    clearTimeout(timer);
  }
}
