/* An eStargz archive as a layer: its footer and table of contents, and how its gzip members are decoded. toc-layer.ts has the rest. */

import { damaged } from '../archive/damage.ts';
import { cannotInflate, inflateMember, unpackToc } from '../archive/estargz.ts';
import type { TocPlace } from '../archive/estargz-footer.ts';
import { gzipHeaderEnd, isGzip } from '../archive/gzip-header.ts';
import { contentLimit } from '../archive/limits.ts';
import { STREAM_START, loadCodec } from '../codec/codec.ts';
import type { Layer } from '../layer/layer.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import type { MemberDecoder } from './toc-layer.ts';
import { isPinnedBy, openTocLayer, readBefore, restoreTocLayer, tocLimit } from './open-toc.ts';

/**
 * Opens the archive whose table of contents is at `toc`. `tail` is the archive's end. With `tocDigest`, everything that is ever
 * read of it is covered by that digest.
 *
 * @throws {FsError} EIO when it is damaged, contradicts itself or has another digest; EFBIG when it is beyond a limit.
 */
export async function openEstargzLayer(toc: TocPlace, tail: Uint8Array, opening: Opening, tocDigest?: string): Promise<Layer> {
  const limit = Math.min(tocLimit(toc.end - toc.start, opening), contentLimit(opening.limits, opening.size));
  const member = await readBefore(tail, toc.start, toc.end, opening);
  const place = { archive: opening.source.name };
  const json = unpackToc(member, { place, codec: loadCodec(), limit, digest: tocDigest });
  return openTocLayer({ json, identity: json, contentEnd: toc.start, pinned: tocDigest }, gzipMembers(opening), opening);
}

/** Makes the layer again of which `index` is, without reading anything; `undefined` when `tocDigest` is of another archive. */
export function restoreEstargzLayer(index: LayerIndex, opening: Opening, tocDigest?: string): Layer | undefined {
  if (tocDigest !== undefined && !isPinnedBy(index, tocDigest)) return undefined;
  return restoreTocLayer(index, gzipMembers(opening), opening);
}

function gzipMembers({ maxBytes }: Opening): MemberDecoder {
  const codec = loadCodec();
  return {
    format: 'estargz',
    member: 'gzip member',
    codec,
    decode(bytes, { offset, size, hasDigest, place }) {
      // stargz had no digests: the CRC-32 of the whole member says whether it is right.
      if (!hasDigest) return inflateMember(bytes, { place, codec, limit: maxBytes });
      const start = isGzip(bytes) ? gzipHeaderEnd(bytes, offset, { place, codec }) : undefined;
      if (start === undefined) throw damaged(place, `no gzip member at byte ${offset}`);
      try {
        return codec.inflateRange(bytes.subarray(start), STREAM_START, 0, size);
      } catch (e) {
        throw cannotInflate(e, place);
      }
    },
  };
}
