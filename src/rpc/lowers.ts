/* Opens what the page named as one lower: an archive or a directory is one layer, an image as many as it has. */

import type { Layer } from '../layer/layer.ts';
import type { ImageOptions } from '../lower/oci-image.ts';
import { loadFormats } from '../lower/load-formats.ts';
import { openLayer } from '../lower/open-layer.ts';
import type { WireLower } from './wire.ts';

type Common = Pick<ImageOptions, 'cache' | 'signal' | 'onProgress'>;

export interface OpenedLower {
  /** Topmost first. */
  readonly layers: readonly Layer[];
  close(): Promise<void>;
}

/** What progress is told under. */
export function nameOf(lower: WireLower): string {
  if ('url' in lower) return lower.url;
  if ('directory' in lower) return lower.directory;
  return 'oci' in lower ? lower.oci : lower.image;
}

/** @throws {FsError} as `openLayer`, `openDirectory` and `openImage` */
export async function openLower(lower: WireLower, common: Common): Promise<OpenedLower> {
  if (!('url' in lower || 'directory' in lower)) {
    const { openImage } = await loadFormats(nameOf(lower));
    return openImage(lower, { ...lower, ...common });
  }
  const layer = await openOne(lower, common);
  return { layers: [layer], close: () => layer.close() };
}

async function openOne(lower: Exclude<WireLower, { readonly oci: string } | { readonly image: string }>, common: Common): Promise<Layer> {
  if ('directory' in lower) {
    const { directory, ...options } = lower;
    const { openDirectory } = await loadFormats(directory);
    return openDirectory(directory, { ...options, ...common });
  }
  const { url, ...options } = lower;
  return openLayer(url, { ...options, ...common });
}
