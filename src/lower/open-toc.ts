/* From a table of contents (eStargz, zstd:chunked, the index of a directory) to its layer: read now, or as it was read before. */

import { concatBytes } from '../base/bytes.ts';
import { type Place, damaged, tooLarge } from '../archive/damage.ts';
import { assertContentSize, entryLimit } from '../archive/limits.ts';
import { type TocContent, glanceAtStartup, readToc } from '../archive/toc.ts';
import { tocText } from '../archive/toc-json.ts';
import { TableBuilder } from '../layer/build-table.ts';
import type { Layer } from '../layer/layer.ts';
import { Blocks } from './blocks.ts';
import { layerDigest } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import { goesOut } from './turn.ts';
import { type MemberDecoder, type MemberReader, TocLayer, type TocState } from './toc-layer.ts';

/** Bytes of a table of contents: a million entries have about as many. */
const TOC_LIMIT = 256 << 20;

/** @throws {FsError} EFBIG when a table of contents of so many bytes is beyond the limit */
export function tocLimit(size: number, { source, maxBytes }: Opening): number {
  const limit = Math.min(TOC_LIMIT, maxBytes);
  if (size > limit)
    throw tooLarge({ archive: source.name }, `a table of contents of ${size} bytes, more than the ${limit} that are allowed`);
  return limit;
}

/** Reads [start, end) of an archive whose last bytes are `tail`. */
export async function readBefore(tail: Uint8Array, start: number, end: number, { source, size, signal }: Opening): Promise<Uint8Array> {
  const tailStart = size - tail.length;
  if (start >= tailStart) return tail.subarray(start - tailStart, end - tailStart);
  if (end <= tailStart) return source.read(start, end, signal);
  return concatBytes([await source.read(start, tailStart, signal), tail.subarray(0, end - tailStart)]);
}

/** A table of contents out of its archive. */
interface OpenedToc {
  readonly json: Uint8Array;
  /** What identifies it. */
  readonly identity: Uint8Array;
  /** Where content ends in the archive. */
  readonly contentEnd: number;
  /** Digest that covers it, if one was given. */
  readonly pinned: string | undefined;
}

/** @throws {FsError} EIO when the table of contents contradicts itself or the archive; EFBIG when it is beyond a limit. */
export async function openTocLayer(
  { json, identity, contentEnd, pinned }: OpenedToc,
  decoder: MemberDecoder,
  opening: Opening,
): Promise<Layer> {
  const { source, size, limits, table, startup } = opening;
  const place: Place = { archive: source.name };
  const isIndex = decoder.format === 'directory';
  const builder = new TableBuilder(table, { archive: source.name, entries: isIndex ? limits.entries : entryLimit(limits, size) });
  const reader = readerOf(decoder, opening, contentEnd);
  const text = tocText(json, place);
  if (startup === true && decoder.format === 'estargz') await fetchAhead(Math.min(glanceAtStartup(text), contentEnd), reader, opening);
  const most = isIndex ? Infinity : entryLimit({ ...limits, entries: Infinity }, size);
  const digesting = layerDigest(identity, table);
  digesting.catch(() => undefined); // what is wrong with the table of contents is told first
  const content = readToc(text, { format: decoder.format, contentEnd, most, place }, builder);
  // An index says nothing about how much what it describes should have.
  assertContentSize(limits, content.size, isIndex ? Infinity : size, place);
  if (pinned !== undefined && content.chunks.hasDigest.includes(0))
    throw damaged(place, 'its table of contents has no digests of some chunks, so that the given digest does not cover them');
  return new TocLayer({ ...builder.build(), content, contentEnd, digest: await digesting, decoder, reader, opening });
}

/** Asks for what a recorded run read first. Whoever needs what could not be fetched ahead asks for it again, and hears of the failure. */
async function fetchAhead(end: number, reader: MemberReader, { source, signal }: Opening): Promise<void> {
  if (end === 0 || source.peek(0, 1) !== undefined) return;
  await goesOut(reader.prefetch([[0, end]], { signal }));
  signal?.throwIfAborted();
}

/** Tells whether the archive of an index is the one that a digest pins, and is covered by it. */
export function isPinnedBy({ digest, state }: LayerIndex, pinned: string): boolean {
  return digest.split(';')[0] === pinned.replace(':', '-') && coversAll({ state });
}

/** Tells whether a table of contents, and so its digest, covers every byte that is ever served. */
export const coversAll = ({ state }: Pick<LayerIndex, 'state'>): boolean => !(state as TocState).content.chunks.hasDigest.includes(0);

/** Makes the layer again of which `index` is, without reading anything. */
export function restoreTocLayer({ table, warnings, digest, state }: LayerIndex, decoder: MemberDecoder, opening: Opening): Layer {
  const { content, contentEnd } = state as TocState;
  const reader = readerOf(decoder, opening, contentEnd);
  return new TocLayer({ table, warnings, digest, content, contentEnd, decoder, reader, opening });
}

const readerOf = (decoder: MemberDecoder, { source }: Opening, end: number): MemberReader =>
  decoder.reader?.(source) ?? new Blocks(source, { end });

/** Where the content of such a layer is. */
export function contentOf(layer: Layer): TocContent {
  if (layer instanceof TocLayer) return layer.content;
  throw new TypeError('A layer without a table of contents');
}
