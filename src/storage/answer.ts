/*
 * An end to waits on the browser's files. They answer within milliseconds; where their service does not come up again after a crash, they
 * never do, and an opening must not wait for that.
 */

/** Milliseconds until files that do not answer are given up. A machine that is loaded ten times over takes one second. */
export const FILES_TIMEOUT = 5_000;

/**
 * Settles as `answer` does, or rejects after `limit` milliseconds. What comes later goes to `late`.
 * @throws DOMException TimeoutError
 * @example
 * const file = await answered(openSyncFile(path), FILES_TIMEOUT, (file) => file?.close());
 */
export function answered<T>(answer: Promise<T>, limit: number, late?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new DOMException(`The browser's files have not answered for ${limit} ms`, 'TimeoutError'));
    }, limit);
    const settle = (): void => clearTimeout(timer);
    answer.then(
      (value) => {
        settle();
        if (isLate) late?.(value);
        else resolve(value);
      },
      (reason: unknown) => {
        settle();
        reject(reason);
      },
    );
  });
}
