/* Names of images in registries, as people write them: `registry.example:5000/team/tool:1.2@sha256:…`. */

import { ArgumentError } from '../base/errors.ts';
import { digestText, parseDigest } from './oci-digest.ts';

export interface ImageReference {
  /** Host and port; `undefined` where the name has none. */
  readonly host: string | undefined;
  /** The repository. */
  readonly name: string;
  /** A tag, or a digest, which counts where there are both. */
  readonly ref: string;
}

/** OCI distribution specification 1.1, "Pulling manifests". They hold nothing that means something in a URL. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const HOST = /^(?:[a-z0-9]+(?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const NAME_MAX = 255;

/**
 * Takes a reference apart. What stands before the first '/' is a host where it has a dot or a port, or is `localhost`.
 *
 * @throws {ArgumentError} when it is none
 */
export function parseReference(text: string): ImageReference {
  const wrong = (what: string): ArgumentError => new ArgumentError(`The name of an image: ${what}: '${text.slice(0, NAME_MAX)}'`);
  // Longer than the longest host, name, tag and digest together.
  if (text.length > 1024) throw wrong('too long');
  const [before = '', digest, ...more] = text.split('@');
  if (more.length > 0) throw wrong("more than one '@'");
  const slash = before.indexOf('/');
  const first = before.slice(0, Math.max(0, slash));
  const host = /[.:]|^localhost$/.test(first) ? first : undefined;
  const path = host === undefined ? before : before.slice(slash + 1);
  const colon = path.lastIndexOf(':');
  const name = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (host !== undefined && !HOST.test(host)) throw wrong('no host before the first slash');
  if (!NAME.test(name) || name.length > NAME_MAX) throw wrong('lower-case words, separated by slashes, are expected');
  if (tag !== undefined && !TAG.test(tag)) throw wrong(`no tag: '${tag}'`);
  if (digest === undefined) return { host, name, ref: tag ?? 'latest' };
  const parsed = parseDigest(digest);
  if (parsed === undefined) throw wrong('no sha256 or sha512 digest');
  return { host, name, ref: digestText(parsed) };
}
