/* Opens what the page named as one lower: an archive is one layer, an image as many as it has. */

import type { Layer } from '../layer/layer.ts';
import { type ImageOptions, openImage } from '../lower/oci-image.ts';
import { openLayer } from '../lower/open-layer.ts';
import type { WireLower } from './wire.ts';

export interface OpenedLower {
  /** Topmost first. */
  readonly layers: readonly Layer[];
  close(): Promise<void>;
}

/** What progress is told under. */
export function nameOf(lower: WireLower): string {
  if ('url' in lower) return lower.url;
  return 'oci' in lower ? lower.oci : lower.image;
}

/** @throws {FsError} as `openLayer` and `openImage` */
export async function openLower(lower: WireLower, common: Pick<ImageOptions, 'cache' | 'signal' | 'onProgress'>): Promise<OpenedLower> {
  if (!('url' in lower)) return openImage(lower, { ...lower, ...common });
  const { url, ...options } = lower;
  const layer = await openLayer(url, { ...options, ...common });
  return { layers: [layer], close: () => layer.close() };
}
