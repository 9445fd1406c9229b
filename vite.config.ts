/* The demo's dev server and build (`npm start`). The package itself is built by scripts/build.ts. */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { publicEntries, root, workerDependencies } from './scripts/entries.ts';

export default defineConfig({
  root: fileURLToPath(new URL('web', import.meta.url)),
  base: './',
  cacheDir: fileURLToPath(new URL('node_modules/.vite/demo', import.meta.url)),
  resolve: { alias: publicEntries },
  worker: { format: 'es' },
  // The scan for dependencies does not look into workers. What it misses is found late, and the first visit reloads while the workspace opens.
  optimizeDeps: { entries: ['index.html', 'worker.ts'], include: workerDependencies },
  server: { fs: { allow: [root] } },
  build: { target: 'es2022', outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 2000 },
});
