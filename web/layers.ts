/* Which lowers the demo mounts: what scripts/make-layers.ts made at start. */

import type { LowerOptions } from 'stratafs';

interface Manifest {
  readonly layers: readonly { readonly url: string; readonly at: string; readonly strip: number }[];
}

/** Relative to the page, so that the demo can be served from any folder. */
const FOLDER = new URL('layers/', document.baseURI);

/** The lowers, topmost first. */
export async function lowersOfDemo(): Promise<LowerOptions[]> {
  const response = await fetch(new URL('layers.json', FOLDER), { cache: 'no-cache' });
  if (!response.ok)
    throw new Error(`The list of archives, ${response.url}, answers with ${response.status}. Was the demo started with "npm start"?`);
  const { layers } = (await response.json()) as Manifest;
  return layers.map(({ url, at, strip }) => ({ url: new URL(url, FOLDER), at, strip }));
}
