/* What the browser says of the origin's storage. */

import { FILES_TIMEOUT, answered } from './answer.ts';

export interface StorageEstimate {
  /** Bytes that the origin takes and may take, all its workspaces and everything else. Browsers round, and some promise more than there is. */
  readonly origin?: { readonly used: number; readonly quota: number } | undefined;
  /** The browser has promised not to evict it when the disk gets full. */
  readonly persisted: boolean;
}

/** Asks the browser. Where it cannot be asked or does not answer, nothing is known and nothing is promised. */
export async function storageEstimate(limit = FILES_TIMEOUT): Promise<StorageEstimate> {
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as Partial<StorageManager> | undefined;
  const [estimate, persisted] = await Promise.all([known(storage?.estimate?.(), limit), known(storage?.persisted?.(), limit)]);
  const { usage, quota } = estimate ?? {};
  return { origin: usage === undefined || quota === undefined ? undefined : { used: usage, quota }, persisted: persisted === true };
}

/** What the browser says; `undefined` where it refuses (sandboxed frames) or does not answer. */
async function known<T>(asking: Promise<T> | undefined, limit: number): Promise<T | undefined> {
  return asking && answered(asking, limit).catch(() => undefined);
}
