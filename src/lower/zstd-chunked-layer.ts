/* A zstd:chunked archive as a layer: its manifest, and how its frames are decoded. toc-layer.ts has the rest. */

import { type ManifestPlace, decodeFrame, unpackManifest } from '../archive/zstd-chunked.ts';
import { loadCodec } from '../codec/codec.ts';
import { loadZstd } from '../codec/zstd.ts';
import type { Layer } from '../layer/layer.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import type { MemberDecoder } from './toc-layer.ts';
import { isPinnedBy, openTocLayer, readBefore, restoreTocLayer, tocLimit } from './open-toc.ts';

/**
 * Opens the archive whose manifest is at `manifest`. `tail` is the archive's end. With `digest` (`sha256:HEX` of the manifest as it is
 * stored), everything that is ever read of it is covered by that digest.
 *
 * @throws {FsError} EIO when it is damaged, contradicts itself or has another digest; EFBIG when it is beyond a limit; ENOTSUP where
 *   there is no decoder.
 */
export async function openZstdChunkedLayer(manifest: ManifestPlace, tail: Uint8Array, opening: Opening, digest?: string): Promise<Layer> {
  const { start, end, size } = manifest;
  tocLimit(Math.max(size, end - start), opening);
  const [stored, zstd] = await Promise.all([readBefore(tail, start, end, opening), loadZstd(opening.source.name)]);
  const place = { archive: opening.source.name };
  const json = unpackManifest(stored, size, { place, codec: loadCodec(), zstd, window: opening.limits.window, digest });
  return openTocLayer({ json, identity: stored, contentEnd: start, pinned: digest }, await zstdFrames(opening), opening);
}

/** Makes the layer again of which `index` is, without reading anything; `undefined` when `digest` is of another archive. */
export async function restoreZstdChunkedLayer(index: LayerIndex, opening: Opening, digest?: string): Promise<Layer | undefined> {
  if (digest !== undefined && !isPinnedBy(index, digest)) return undefined;
  return restoreTocLayer(index, await zstdFrames(opening), opening);
}

async function zstdFrames({ limits: { window }, source }: Opening): Promise<MemberDecoder> {
  const zstd = await loadZstd(source.name);
  return {
    format: 'zstd-chunked',
    member: 'zstd frame',
    codec: loadCodec(),
    decode: (bytes, { size, place }) => decodeFrame(bytes, size, { place, zstd, window }),
  };
}
