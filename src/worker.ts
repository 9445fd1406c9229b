/* `stratafs/worker`: for an application's own worker. */

export { serve } from './rpc/serve.ts';
export type { MountedOptions, ServeOptions } from './rpc/serve.ts';
export type { Overlay } from './fs/overlay.ts';
