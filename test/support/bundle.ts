/* Scripts of pages and workers as one file each: a browser starts on it at once, and asks no dev server for hundreds of modules. Node only. */

import { join } from 'node:path';
import { build } from 'rolldown';
import type { Plugin } from 'vite';
import { root } from '../../scripts/entries.ts';

const bundles = new Map<string, Promise<string>>();

/** A script (a path below the repository's root) with everything that it imports. Each is bundled once. */
export function bundle(script: string): Promise<string> {
  const bundled = bundles.get(script) ?? makeBundle(script);
  bundles.set(script, bundled);
  return bundled;
}

async function makeBundle(script: string): Promise<string> {
  const { output } = await build({
    cwd: root,
    input: join(root, script),
    platform: 'browser',
    write: false,
    output: { format: 'esm', codeSplitting: false },
  });
  return output[0].code;
}

/** For a dev server: workers come as bundles. */
export function bundledWorkers(): Plugin {
  return {
    name: 'bundled-workers',
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
        if (!searchParams.has('worker_file')) return next();
        bundle(pathname).then((code) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(code), next);
      });
    },
  };
}
