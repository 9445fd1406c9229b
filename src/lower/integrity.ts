/* Subresource Integrity of a whole archive (W3C, "Subresource Integrity", 3.3): `integrity: 'sha256-…'`. */

import { ownBytes } from '../base/bytes.ts';
import { type Place, damaged } from '../archive/damage.ts';
import { subtleCrypto } from './digest.ts';

/** From weak to strong: the strongest that is given counts. */
const ALGORITHMS = [
  ['sha256', 'SHA-256', 32],
  ['sha384', 'SHA-384', 48],
  ['sha512', 'SHA-512', 64],
] as const;

/** What an archive has to be. */
export interface Integrity {
  readonly algorithm: (typeof ALGORITHMS)[number];
  /** Any one of them will do, in base64. */
  readonly digests: readonly string[];
}

/**
 * Reads the hashes, which spaces separate. What is of an unknown algorithm is passed over, as the specification asks; but unlike
 * there, something must be left: who pins an archive does not want it unpinned by a typing error.
 *
 * @throws {TypeError} when there is no hash of a known algorithm, or when one of those is malformed
 */
export function parseIntegrity(text: string): Integrity {
  const hashes = text.split(/\s+/).flatMap((token) => {
    const [, name, digest] = /^(sha\d+)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/.exec(token) ?? [];
    const algorithm = ALGORITHMS.find(([known]) => known === name);
    if (algorithm === undefined || digest === undefined) {
      if (/^sha(256|384|512)-/.test(token)) throw new TypeError(`The option 'integrity' has a malformed hash: ${token}`);
      return [];
    }
    const standard = digest.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
    if (standard.length !== Math.ceil((algorithm[2] * 4) / 3))
      throw new TypeError(`The option 'integrity' has a hash of a wrong length: ${token}`);
    return [{ algorithm, digest: standard.padEnd(Math.ceil(standard.length / 4) * 4, '=') }];
  });
  const algorithm = ALGORITHMS.findLast((known) => hashes.some((hash) => hash.algorithm === known));
  if (algorithm === undefined) throw new TypeError(`The option 'integrity' has no sha256, sha384 or sha512 hash: '${text}'`);
  return { algorithm, digests: hashes.filter((hash) => hash.algorithm === algorithm).map(({ digest }) => digest) };
}

/** @throws {FsError} EIO when `bytes` are not what they have to be, ENOTSUP where there is no `crypto.subtle`. */
export async function assertIntegrity(bytes: Uint8Array, { algorithm, digests }: Integrity, place: Place): Promise<void> {
  const [name, standard] = algorithm;
  const sum = new Uint8Array(await subtleCrypto().digest(standard, ownBytes(bytes)));
  const found = btoa(String.fromCharCode(...sum));
  if (digests.includes(found)) return;
  const expected = digests.map((digest) => `${name}-${digest}`).join(' or ');
  throw damaged(place, `its integrity is ${name}-${found}, should be ${expected}`);
}
