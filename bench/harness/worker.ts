/* The side of a suite that runs in Chromium: answers the page with what a contestant measured. */

import { callContestant, outlineOf } from './suite.ts';
import type { Measured, Outline, Suite } from './suite.ts';

/** How the driver reaches a suite. */
export interface Bench {
  outline(): Promise<Outline[]>;
  call(scenario: number, contestant: string): Promise<Measured>;
}

declare global {
  interface Window {
    bench?: Bench;
  }
}

interface Question {
  readonly id: number;
  readonly scenario?: number;
  readonly contestant?: string;
}

type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/** Serves a suite: in a worker by messages, in the page by `window.bench`. */
export function serveSuite(suite: Suite): void {
  if (typeof document === 'object') {
    window.bench = {
      outline: () => Promise.resolve(outlineOf(suite)),
      call: (scenario, contestant) => callContestant(suite, scenario, contestant),
    };
    return;
  }
  addEventListener('message', ({ data }: MessageEvent<Question>) => void answer(suite, data).then((reply) => postMessage(reply)));
}

async function answer(suite: Suite, { id, scenario, contestant }: Question): Promise<Answer> {
  try {
    if (scenario === undefined || contestant === undefined) return { id, value: outlineOf(suite) };
    return { id, value: await callContestant(suite, scenario, contestant) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The page's side where the suite runs in a worker. */
export function relayTo(worker: Worker): void {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  let next = 0;
  /** A worker that could not even be started answers nothing. */
  let failed: Error | undefined;
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    const asker = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) asker?.reject(new Error(data.error));
    else asker?.resolve(data.value);
  });
  worker.addEventListener('error', (event) => {
    failed = new Error(`the bench's worker failed: ${event.message}`);
    for (const asker of waiting.values()) asker.reject(failed);
  });
  const ask = (question: Omit<Question, 'id'>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (failed !== undefined) return reject(failed);
      const id = next++;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...question });
    });
  window.bench = {
    outline: () => ask({}) as Promise<Outline[]>,
    call: (scenario, contestant) => ask({ scenario, contestant }) as Promise<Measured>,
  };
}
