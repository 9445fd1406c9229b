/* Scripts of pages and workers as one file each: a browser starts on it at once, and asks no dev server for hundreds of modules. Node only. */

import { join } from 'node:path';
import { build } from 'rolldown';
import type { Plugin } from 'vite';
import { root } from '../../scripts/entries.ts';

/** Bundles a script (a path below the repository's root) with everything that it imports. */
export async function bundle(script: string): Promise<string> {
  const { output } = await build({
    cwd: root,
    input: join(root, script),
    platform: 'browser',
    write: false,
    output: { format: 'esm', codeSplitting: false },
  });
  return output[0].code;
}

/** For a dev server: workers come as bundles, each of which is made once. */
export function bundledWorkers(): Plugin {
  const bundles = new Map<string, Promise<string>>();
  return {
    name: 'bundled-workers',
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
        if (!searchParams.has('worker_file')) return next();
        const bundled = bundles.get(pathname) ?? bundle(pathname);
        bundles.set(pathname, bundled);
        bundled.then((code) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(code), next);
      });
    },
  };
}
