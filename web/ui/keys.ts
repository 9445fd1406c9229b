/* How keys are called on this machine. */

const APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** `Ctrl S`, or `⌘ S` on a Mac. */
export function keyName(key: string): string {
  return `${APPLE ? '⌘' : 'Ctrl'} ${key}`;
}
