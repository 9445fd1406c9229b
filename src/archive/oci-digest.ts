/* Digests as images have them (OCI image specification, descriptor.md, "Digests"): `sha256:HEX`. They name blobs, and become parts of URLs. */

import { type Place, damaged } from './damage.ts';

/** A digest that can be checked, in its one spelling. Holds nothing that means something in a URL or a path. */
export interface Digest {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;

/** `undefined` where it is none, or of an algorithm that is not the specification's. */
export function parseDigest(text: string): Digest | undefined {
  const [, algorithm, hex] = /^(sha256|sha512):([0-9a-f]+)$/.exec(text) ?? [];
  if ((algorithm !== 'sha256' && algorithm !== 'sha512') || hex?.length !== HEX_LENGTH[algorithm]) return undefined;
  return { algorithm, hex };
}

/** @throws {FsError} EIO when it is no digest that can be checked */
export function digestOf(text: unknown, place: Place): Digest {
  const digest = typeof text === 'string' ? parseDigest(text) : undefined;
  if (digest === undefined) throw damaged(place, `no sha256 or sha512 digest: ${JSON.stringify(text)?.slice(0, 200) ?? 'none'}`);
  return digest;
}

export const digestText = ({ algorithm, hex }: Digest): string => `${algorithm}:${hex}`;
