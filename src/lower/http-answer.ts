/*
 * Judges what a server answers. A range is taken only when it is certainly the range that was asked for of the archive that
 * was opened: servers and proxies compress ranges, ignore them, cut them short, and replace files while they are read.
 */

import { FsError } from '../base/errors.ts';

/** The parts of a `Response` that are judged. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly type: string;
  readonly headers: { get(name: string): string | null };
}

/** What identifies the version of an archive, as far as the server lets it be seen. */
export interface Version {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** A Content-Range header: the bytes [start, end) of `total`. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  /** `undefined` where the server does not say. */
  readonly total: number | undefined;
}

/** The error of an archive that cannot be fetched. */
export function unreachable(name: string, what: string, cause?: unknown): FsError {
  return new FsError('EIO', { detail: `${name}: ${what}`, cause: cause ?? new Error(what) });
}

/** The error of an archive that is not the one that was opened. */
export function changed(name: string, what: string): FsError {
  return new FsError('ESTALE', { detail: `${name}: the archive changed on the server`, cause: new Error(what) });
}

/** The error for a status that is neither 200 nor 206. */
export function refused(name: string, { status, statusText }: Answer): FsError {
  return unreachable(name, `HTTP ${status}${statusText === '' ? '' : ` ${statusText}`}`);
}

export const versionOf = ({ headers }: Answer): Version => ({
  etag: headers.get('etag') ?? undefined,
  lastModified: headers.get('last-modified') ?? undefined,
});

/**
 * Compares an answer's version with the first one's. What one of the two does not show counts as equal.
 *
 * @throws {FsError} ESTALE when they differ
 */
export function assertSameVersion(name: string, first: Version, now: Version): void {
  if (differ(first.etag, now.etag)) throw changed(name, `ETag was ${first.etag}, is ${now.etag}`);
  // Servers behind one name may have copied the file at different times: the stronger mark decides where it is there.
  if (isStrong(first.etag) && first.etag === now.etag) return;
  if (differ(first.lastModified, now.lastModified)) throw changed(name, `Last-Modified was ${first.lastModified}, is ${now.lastModified}`);
}

/**
 * Tells whether a version can be told from every other of the same archive. A weak ETag (RFC 9110, 8.8.1) may be that of other
 * bytes with the same meaning.
 */
export const isCertain = ({ etag, lastModified }: Version): boolean => isStrong(etag) || lastModified !== undefined;

/** Tells whether two versions are certainly one: whether a mark that both show says so. */
export const isCertainlySame = (first: Version, now: Version): boolean =>
  (isStrong(first.etag) && first.etag === now.etag) ||
  (!differ(first.etag, now.etag) && first.lastModified !== undefined && first.lastModified === now.lastModified);

const isStrong = (etag: string | undefined): boolean => etag !== undefined && !etag.startsWith('W/');

const differ = (a: string | undefined, b: string | undefined): boolean => a !== undefined && b !== undefined && a !== b;

/** Reads the Content-Range header: `undefined` where there is none, or where the page may not see it. */
export function contentRange(name: string, { headers }: Answer): ContentRange | undefined {
  const header = headers.get('content-range');
  if (header === null) return undefined;
  const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(header.trim());
  if (match === null) throw unreachable(name, `Content-Range: ${header}`);
  const [, first, last, all] = match;
  const [start, end, total] = [Number(first), Number(last) + 1, all === '*' ? undefined : Number(all)];
  // RFC 9110, 14.4: such a header is invalid. Its numbers would become lengths.
  if (start >= end || end > (total ?? end) || !Number.isSafeInteger(total ?? end)) throw unreachable(name, `Content-Range: ${header}`);
  return { start, end, total };
}

/** @throws {FsError} EIO when a proxy compressed the range: then nobody can say which bytes these are. */
export function assertNotEncoded(name: string, { headers }: Answer): void {
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity')
    throw unreachable(name, `a range with Content-Encoding: ${encoding}; the server must not transform the archive`);
}

/**
 * The length that the body of a whole archive must have, where the server says it: with a Content-Encoding, Content-Length
 * is that of the compressed form.
 */
export function declaredLength({ headers }: Answer): number | undefined {
  const encoding = headers.get('content-encoding');
  const length = headers.get('content-length');
  if (length === null || !/^\d+$/.test(length)) return undefined;
  return encoding === null || encoding === 'identity' ? Number(length) : undefined;
}

/** What a range is to be. */
export interface Asked {
  readonly start: number;
  readonly end: number;
  /** Of the whole archive. */
  readonly size: number | undefined;
  readonly version: Version | undefined;
}

/** @throws {FsError} unless the answer is the range that was asked for, of the archive that was opened */
export function assertRange(name: string, answer: Answer, { start, end, size, version }: Asked): void {
  if (answer.status === 416) throw changed(name, `it has no bytes ${start} to ${end} any more`);
  if (answer.status !== 206) throw refused(name, answer);
  assertNotEncoded(name, answer);
  assertSameVersion(name, version ?? versionOf(answer), versionOf(answer));
  const sent = contentRange(name, answer);
  if (sent?.total !== undefined && sent.total !== size) throw changed(name, `it had ${size} bytes, has ${sent.total}`);
  if (sent !== undefined && (sent.start !== start || sent.end !== end))
    throw unreachable(name, `bytes ${sent.start} to ${sent.end} came where ${start} to ${end} were asked for`);
}

/** The error of a body that is not as long as what was asked for. */
export function wrongLength(name: string, came: number, asked: number, more = ''): FsError {
  return unreachable(name, `${more}${came} bytes came where ${asked} were asked for: cut short, or compressed on the way`);
}

/** The error of an archive that has to be fetched whole, and has more bytes than may be in memory. */
export function tooLargeWhole(name: string, limit: number, size?: number): FsError {
  const found = size === undefined ? '' : `${size} bytes, `;
  return new FsError('EFBIG', {
    detail: `${name}: the server sends the archive whole, and it has ${found}more than the ${limit} bytes that are allowed`,
  });
}

/** @throws {FsError} EIO when a body is not as long as was declared */
export function assertWhole(name: string, answer: Answer, length: number): void {
  const declared = declaredLength(answer);
  if (declared === undefined || declared === length) return;
  // Across origins Content-Encoding cannot be seen and Content-Length can: more than declared is what was decompressed.
  if (answer.type === 'cors' && length > declared) return;
  throw unreachable(name, `the connection ended after ${length} of ${declared} bytes`);
}
