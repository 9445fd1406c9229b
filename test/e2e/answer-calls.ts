/* The worker's side of worker-page.ts. */

import { isFsError } from '../../src/base/errors.ts';

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly never[];
}

/** Answers the calls of the page by name. */
export function answerCalls(functions: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  const scope = globalThis as unknown as { onmessage: unknown; postMessage(message: unknown): void };
  scope.onmessage = async ({ data: { id, name, args } }: MessageEvent<Call>): Promise<void> => {
    try {
      scope.postMessage({ id, value: await functions[name]!(...args) });
    } catch (e) {
      scope.postMessage({ id, error: isFsError(e) ? e.message : `unexpected: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}` });
    }
  };
}
