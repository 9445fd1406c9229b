/*
 * Work that needs bytes which may have to be waited for, written once: it asks for a range, is given the bytes, and goes on. Whoever
 * runs it has them at hand, waits for them, or cannot have them.
 */

/** Yields the ranges that it needs, gets the bytes of each, and returns what comes of them. */
export type Asking<T> = Generator<readonly [start: number, end: number], T, Uint8Array>;

/** Runs it without waiting: `undefined` where `get` has nothing to give. */
export function runNow<T>(asking: Asking<T>, get: (start: number, end: number) => Uint8Array | undefined): T | undefined {
  let step = asking.next();
  while (step.done !== true) {
    const bytes = get(...step.value);
    if (bytes === undefined) return undefined;
    step = asking.next(bytes);
  }
  return step.value;
}

/** Runs it and waits. */
export async function run<T>(asking: Asking<T>, get: (start: number, end: number) => Promise<Uint8Array>): Promise<T> {
  let step = asking.next();
  while (step.done !== true) step = asking.next(await get(...step.value));
  return step.value;
}
