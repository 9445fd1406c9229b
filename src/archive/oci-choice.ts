/* Which of several images is meant: by reference, and by platform. A choice that fails says what there is. */

import { FsError } from '../base/errors.ts';
import type { Place } from './damage.ts';
import type { Descriptor, Platform } from './oci.ts';
import { digestText, parseDigest } from './oci-digest.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
/** What containerd and BuildKit write beside it: the whole name. */
const CONTAINERD_NAME = 'io.containerd.image.name';

/** Most of what there is that an error lists. */
const LISTED = 20;

/** Variants that a machine of this architecture prefers, where none is asked for. */
const VARIANTS = new Map([
  ['amd64', ['', 'v1']],
  ['arm64', ['v8', '']],
  ['arm', ['v7', '', 'v6', 'v5']],
]);

/**
 * Reads `os/architecture` or `os/architecture/variant`.
 *
 * @throws {TypeError} when it is neither
 */
export function parsePlatform(platform: string): Platform {
  const [os = '', architecture = '', variant = '', ...rest] = platform.split('/');
  if (os === '' || architecture === '' || rest.length > 0)
    throw new TypeError(`The option 'platform' must be like 'linux/amd64' or 'linux/arm/v7': '${platform}'`);
  return { os, architecture, variant };
}

export const platformText = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter((part, i) => i < 2 || part !== '').join('/');

/** How well an image suits a platform: 0 is best, `undefined` not at all. */
export function suits(image: Platform, wanted: Platform): number | undefined {
  if (image.os !== wanted.os || image.architecture !== wanted.architecture) return undefined;
  if (wanted.variant !== '') return image.variant === wanted.variant ? 0 : undefined;
  const order = VARIANTS.get(wanted.architecture) ?? [''];
  const rank = order.indexOf(image.variant);
  return rank < 0 ? order.length : rank;
}

/**
 * Chooses the image for a platform. One that does not say what it is for is taken where it is the only one.
 *
 * @throws {FsError} ENOENT, with what there is
 */
export function choosePlatform(images: readonly Descriptor[], wanted: Platform, { archive }: Place): Descriptor {
  let best: { readonly image: Descriptor; readonly rank: number } | undefined;
  for (const image of images) {
    const rank = image.platform === undefined ? undefined : suits(image.platform, wanted);
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { image, rank };
  }
  if (best !== undefined) return best.image;
  const unsaid = images.filter(({ platform }) => platform === undefined || platform.os === '');
  if (unsaid.length === 1) return unsaid[0]!;
  const there = images.map(({ platform, annotations, digest }) =>
    platform === undefined || platform.os === '' ? (annotations.get(REF_NAME) ?? digestText(digest)) : platformText(platform),
  );
  // What builds leave beside images (attestations) has a platform that is none.
  const listed = listOf(there.filter((name) => name !== 'unknown/unknown'));
  const why =
    unsaid.length > 1 ? `several images that do not say their platform: say which by 'ref'` : `no image for ${platformText(wanted)}`;
  throw new FsError('ENOENT', { detail: `${archive}: ${why}; there is ${listed}` });
}

/** The images of an index that a reference may mean: a name (annotation), or a digest. */
export function withRef(images: readonly Descriptor[], ref: string): Descriptor[] {
  if (parseDigest(ref) !== undefined) return images.filter(({ digest }) => digestText(digest) === ref);
  const named = (image: Descriptor, test: (name: string) => boolean): boolean =>
    [image.annotations.get(REF_NAME), image.annotations.get(CONTAINERD_NAME)].some((name) => name !== undefined && test(name));
  const exact = images.filter((image) => named(image, (name) => name === ref));
  // A whole name, where a tag is asked for.
  return exact.length > 0 ? exact : images.filter((image) => named(image, (name) => name.endsWith(`:${ref}`)));
}

/** The error for a reference that nothing has. */
export function noSuchRef(images: readonly Descriptor[], ref: string, { archive }: Place): FsError {
  const refs = images.flatMap(({ annotations }) => annotations.get(REF_NAME) ?? annotations.get(CONTAINERD_NAME) ?? []);
  return new FsError('ENOENT', { detail: `${archive}: no image '${ref}'; there is ${listOf(refs)}` });
}

function listOf(names: readonly string[]): string {
  const unique = [...new Set(names)].map((name) => name.slice(0, 200));
  if (unique.length === 0) return 'none that has a name';
  const more = unique.length > LISTED ? ` and ${unique.length - LISTED} more` : '';
  return unique.slice(0, LISTED).join(', ') + more;
}
