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
  // Without the worker's dependencies the first visit reloads itself in the middle of opening the workspace.
  optimizeDeps: { include: workerDependencies },
  server: { fs: { allow: [root] } },
  build: { target: 'es2022', outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 2000 },
});
