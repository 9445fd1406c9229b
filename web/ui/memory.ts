/*
 * Small things that the page remembers for itself: which files were open, how wide a pane is. The files themselves are the
 * workspace's. Where the browser forbids storage, nothing is remembered and nothing fails.
 */

const PREFIX = 'stratafs-demo:';

export function remember(key: string, value: string): void {
  storage()?.setItem(PREFIX + key, value);
}

export function recall(key: string): string | undefined {
  return storage()?.getItem(PREFIX + key) ?? undefined;
}

/** A list of strings, empty where nothing or nonsense is stored. */
export function recallList(key: string): string[] {
  try {
    const value: unknown = JSON.parse(recall(key) ?? '[]');
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined; // Storage is blocked for this page.
  }
}
