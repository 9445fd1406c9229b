/* `npm start`: makes the demo's base archives and serves the demo. `npm start -- --port 8080 --host` as in Vite. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createServer } from 'vite';
import { root } from './entries.ts';
import { makeLayers } from './make-layers.ts';

const { values } = parseArgs({
  options: { port: { type: 'string' }, host: { type: 'boolean' }, open: { type: 'boolean' }, 'no-open': { type: 'boolean' } },
});

/** A browser is opened for a person at a desktop, not for a script or a remote shell. */
function wantsBrowser(): boolean {
  if (values.open === true || values['no-open'] === true) return values.open === true;
  const hasDesktop = process.platform !== 'linux' || process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined;
  return process.stdout.isTTY && process.env.CI === undefined && process.env.SSH_CONNECTION === undefined && hasDesktop;
}

process.stdout.write('Making the base archives of the demo from node_modules …\n');
await makeLayers(join(root, 'web/public/layers'));

const port = values.port ?? process.env.PORT;
const server = await createServer({
  configFile: join(root, 'vite.config.ts'),
  server: { open: wantsBrowser(), ...(port === undefined ? {} : { port: Number(port) }), ...(values.host === true ? { host: true } : {}) },
});
await server.listen();
process.stdout.write('\n  The demo of stratafs is at\n\n');
server.printUrls();
process.stdout.write('\n  Stop it with Ctrl+C.\n');
