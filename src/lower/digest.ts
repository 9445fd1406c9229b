/* The digest of a layer: what the archive is, and how it is mounted. An upper remembers it, and goes with no other layer. */

import { ownBytes, toHex } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { TableOptions } from '../layer/build-table.ts';

/** @throws {FsError} ENOTSUP on a page that is neither https: nor localhost: such a page has no `crypto.subtle` */
export function subtleCrypto(): SubtleCrypto {
  const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
  if (subtle === undefined)
    throw new FsError('ENOTSUP', { detail: 'layers need a secure context (https: or localhost): no crypto.subtle' });
  return subtle;
}

/**
 * Gives `sha256-HEX`, and the options that change the tree in one spelling: `sha256-HEX;at=/x;strip=1`.
 *
 * @throws {FsError} ENOTSUP where there is no `crypto.subtle`
 */
export async function layerDigest(bytes: Uint8Array, { at = '/', strip = 0, whiteouts, include, exclude }: TableOptions): Promise<string> {
  const sum = new Uint8Array(await subtleCrypto().digest('SHA-256', ownBytes(bytes)));
  const parts = at.split('/').filter((part) => part !== '' && part !== '.');
  let digest = `sha256-${toHex(sum)}`;
  // Encoded, because a name may hold the separators.
  if (parts.length > 0) digest += `;at=/${parts.map(encodeURIComponent).join('/')}`;
  if (strip !== 0) digest += `;strip=${strip}`;
  if (whiteouts !== undefined) digest += `;whiteouts=${whiteouts}`;
  if (include !== undefined) digest += `;include=${listOf(include)}`;
  if (exclude !== undefined && exclude.length > 0) digest += `;exclude=${listOf(exclude)}`;
  return digest;
}

/** The order of patterns does not matter. */
const listOf = (patterns: readonly string[]): string => patterns.map(encodeURIComponent).sort().join(',');
