/* An image layout (OCI image specification, image-layout.md) on any host that serves files. */

import { type Place, damaged } from '../archive/damage.ts';
import { type Descriptor, assertLayout, parseImageDocument } from '../archive/oci.ts';
import { noSuchRef, withRef } from '../archive/oci-choice.ts';
import { type Digest, parseDigest } from '../archive/oci-digest.ts';
import type { HttpOptions } from './http-request.ts';
import { type ImagePlace, blobName, fetchDocument } from './oci-place.ts';

/** How deep indexes may lie in indexes. Two is what tools write. */
export const INDEX_DEPTH = 8;

/**
 * @param ref a name that `index.json` gives the image, or a digest; without it, all that is there is to choose from
 * @throws {TypeError} when `url` is none
 */
export function layoutPlace(url: string | URL, ref: string | undefined, http: HttpOptions): ImagePlace {
  const root = new URL(url, globalThis.location?.href);
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  const name = http.name ?? root.href;
  // A query may hold a signature, which counts for every file.
  const file = (path: string): URL => {
    const at = new URL(path, root);
    at.search = root.search;
    return at;
  };
  const blobUrl = ({ algorithm, hex }: Digest): URL => file(`blobs/${algorithm}/${hex}`);
  const place: ImagePlace = {
    name,
    http,
    tag: file('index.json'),
    isFixed: false,
    async start(patience, signal) {
      const document = (path: string) => {
        const request = { url: file(path), name: `${name}: ${path}`, missing: `${name}: no image layout: there is no ${path}` };
        return fetchDocument(request, { http }, signal, patience);
      };
      const [layout, index] = await Promise.all([document('oci-layout'), document('index.json')]);
      assertLayout(layout.bytes, { archive: `${name}: oci-layout` });
      imagesOf(index.bytes, undefined, { archive: `${name}: index.json` });
      // A host that knows nothing of images says nothing about them.
      return { bytes: index.bytes, mediaType: undefined };
    },
    async choose(images, get) {
      if (ref === undefined) return images;
      const found = withRef(images, ref);
      if (found.length > 0) return found;
      const nested = parseDigest(ref) === undefined ? [] : await within(images, ref, INDEX_DEPTH, get);
      if (nested.length === 0) throw noSuchRef(images, ref, { archive: name });
      return nested;
    },
    blobUrl,
    manifestUrl: blobUrl,
  };
  return place;

  /** Looks for a digest in the indexes that an index has. */
  async function within(images: readonly Descriptor[], wanted: string, depth: number, get: GetDocument): Promise<Descriptor[]> {
    for (const descriptor of images) {
      const { mediaType, digest } = descriptor;
      if (depth === 0 || !/index|manifest\.list/.test(mediaType)) continue;
      const inner = imagesOf(await get(descriptor), mediaType, { archive: blobName(place, digest) });
      const found = withRef(inner, wanted);
      const deeper = found.length > 0 ? found : await within(inner, wanted, depth - 1, get);
      if (deeper.length > 0) return deeper;
    }
    return [];
  }
}

type GetDocument = Parameters<ImagePlace['choose']>[1];

function imagesOf(bytes: Uint8Array, mediaType: string | undefined, place: Place): readonly Descriptor[] {
  const document = parseImageDocument(bytes, mediaType, place);
  if (document.kind !== 'index') throw damaged(place, 'is no index of images');
  return document.manifests;
}
