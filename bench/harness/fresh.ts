/*
 * Contestants that run in a worker of their own, new for each call, as after a reload: nothing is compiled or in memory, and only what
 * storage has is there. Starting the worker and loading its script are not measured.
 */

import type { Script } from './suite.ts';

/** What a script offers, by name. Arguments and results are cloned. */
export type FreshCalls = Readonly<Record<string, (args: never) => Promise<unknown>>>;

/** The scripts of modules in bench/network, each of which exports its `calls`: `NAME.js` of NAME.ts. */
export function freshScripts(...names: readonly string[]): Readonly<Record<string, Script>> {
  const codeOf = (name: string): string =>
    `import { calls } from '../network/${name}.ts'; import { serveCalls } from './fresh.ts'; serveCalls(calls);`;
  return Object.fromEntries(names.map((name) => [`${name}.js`, { code: codeOf(name) }]));
}

/** In the script. */
export function serveCalls(calls: FreshCalls): void {
  addEventListener('message', ({ data }: MessageEvent<{ name: string; args: never }>) => {
    const call = calls[data.name];
    const result = call === undefined ? Promise.reject(new Error(`no call '${data.name}'`)) : call(data.args);
    result.then(
      (value) => postMessage({ value }),
      (error: unknown) => postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  postMessage('ready');
}

/** Calls a function of `script` in a new worker, which is gone afterwards. */
export async function callFresh<T>(script: string, name: string, args: object): Promise<T> {
  const worker = new Worker(`/${script}`, { type: 'module' });
  try {
    return await new Promise<T>((resolve, reject) => {
      worker.onerror = ({ message }) => reject(new Error(`${script}: ${message}`));
      worker.onmessage = ({ data }: MessageEvent<'ready' | { value: T } | { error: string }>) => {
        if (data === 'ready') worker.postMessage({ name, args });
        else if ('error' in data) reject(new Error(data.error));
        else resolve(data.value);
      };
    });
  } finally {
    worker.terminate();
  }
}
