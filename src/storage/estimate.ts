/* What the browser says of the origin's storage. */

export interface StorageEstimate {
  /** Bytes that the origin takes and may take, all its workspaces and everything else. Browsers round, and some promise more than there is. */
  readonly origin?: { readonly used: number; readonly quota: number } | undefined;
  /** The browser has promised not to evict it when the disk gets full. */
  readonly persisted: boolean;
}

/** Asks the browser. Where it cannot be asked, nothing is known and nothing is promised. */
export async function storageEstimate(): Promise<StorageEstimate> {
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as Partial<StorageManager> | undefined;
  const [estimate, persisted] = await Promise.all([storage?.estimate?.(), storage?.persisted?.()]);
  const { usage, quota } = estimate ?? {};
  return { origin: usage === undefined || quota === undefined ? undefined : { used: usage, quota }, persisted: persisted === true };
}
