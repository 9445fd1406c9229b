/*
 * The marker: a small file beside the guard that says that the workspace exists. Where the database is gone and the marker is there, the
 * workspace was lost and is not new. It has one size and is written in one piece: a write that is torn leaves something that cannot be
 * read, which is a marker too.
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import type { UpperVersion } from '../layer/upper.ts';
import type { GuardFolder } from './guard-folder.ts';

const NAME = 'marker';

/** Bytes; what the text leaves over are spaces. */
const SIZE = 256;

/** What is known of a workspace without its database. */
export interface Marker {
  /** `undefined` where the marker cannot be read. */
  readonly generation: string | undefined;
  /** Of the workspace when the marker was written. */
  readonly sequence: number | undefined;
  /** When that was: ISO 8601. */
  readonly opened: string | undefined;
}

/** The marker, or `undefined` where there is none. @throws DOMException */
export async function readMarker(folder: GuardFolder): Promise<Marker | undefined> {
  if (!(await folder.list()).includes(NAME)) return undefined;
  const file = await folder.open(NAME);
  try {
    const bytes = new Uint8Array(SIZE);
    // A file that was made and never written says nothing: no commit was acknowledged before it was.
    return file.read(bytes, 0) === 0 ? undefined : parseMarker(decodeUtf8(bytes));
  } finally {
    file.close();
  }
}

function parseMarker(text: string): Marker {
  try {
    const { generation, sequence, opened } = JSON.parse(text) as Partial<Marker>;
    return { generation, sequence, opened };
  } catch (e) {
    if (e instanceof SyntaxError) return { generation: undefined, sequence: undefined, opened: undefined };
    throw e;
  }
}

/** Writes the marker of a workspace that has just been opened or made. @throws DOMException */
export async function writeMarker(folder: GuardFolder, { generation, sequence }: UpperVersion, opened: Date): Promise<void> {
  const text = encodeUtf8(JSON.stringify({ generation, sequence, opened: opened.toISOString() } satisfies Marker).padEnd(SIZE));
  const file = await folder.open(NAME);
  try {
    file.write(text, 0);
    file.flush();
  } finally {
    file.close();
  }
}
