/* Starts the packaged worker. Bundlers look for exactly this expression: keep it in one piece. */

/** @param url where the worker's script is, for bundlers that cannot find it by themselves */
export function startWorker(url: string | URL | undefined): Worker {
  if (url !== undefined) return new Worker(url, { type: 'module', name: 'stratafs' });
  return new Worker(new URL('./worker-script.ts', import.meta.url), { type: 'module' });
}
