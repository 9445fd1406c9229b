/* The index of a folder that a static host serves file by file: what `openDirectory` opens. docs/FORMAT.md, 4.8. */

import { createHash } from 'node:crypto';
import { encodeUtf8 } from '../base/bytes.ts';
import { INDEX_NAME } from '../lower/directory-layer.ts';
import { type ArrangeOptions, type PackEntry, type PackWarning, arrange } from './entry.ts';
import { tocEntry } from './estargz.ts';
import { readFolder } from './folder.ts';

/** Of a large file so much is fetched at a time. */
const CHUNK_SIZE = 1 << 20;

export interface DirectoryIndexOptions extends Pick<ArrangeOptions, 'exclude' | 'latest'> {
  /** Owner of everything; *keep*: as it is. Default: 0:0. */
  readonly owner?: { readonly uid: number; readonly gid: number } | 'keep' | undefined;
  /** The index's name in the folder, which is left out. Default: index.stratafs.json. */
  readonly name?: string | undefined;
}

export interface DirectoryIndex {
  /** What to write into the folder. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `sha256-…` in base64, for the option `integrity`: covers everything that is ever read of the folder. */
  readonly integrity: string;
  readonly entries: number;
  /** What was left out. */
  readonly warnings: readonly PackWarning[];
}

/**
 * Makes the index of a folder. The same tree and options give the same bytes, on every machine.
 *
 * @throws {Error} Node's, when something cannot be read; {TypeError} when an option is none
 * @example
 * const { bytes, integrity } = await indexDirectory('public/template', { exclude: ['.git'] });
 * await writeFile('public/template/index.stratafs.json', bytes);
 */
export async function indexDirectory(folder: string, options: DirectoryIndexOptions = {}): Promise<DirectoryIndex> {
  const { exclude = [], latest, owner = { uid: 0, gid: 0 }, name = INDEX_NAME } = options;
  const { entries, warnings } = readFolder(folder);
  const others = entries.filter(({ path }) => path !== name);
  const { rest } = arrange({ entries: others, warnings }, { exclude, latest, owner: owner === 'keep' ? undefined : owner });
  const lines: string[] = [];
  for (const entry of rest) for (const part of await describe(entry)) lines.push(JSON.stringify(part));
  const bytes = encodeUtf8(`{"version":1,"entries":[\n${lines.join(',\n')}\n]}\n`);
  return { bytes, integrity: `sha256-${createHash('sha256').update(bytes).digest('base64')}`, entries: rest.length, warnings };
}

/** An entry, and the further chunks of a large file. */
async function describe(entry: PackEntry): Promise<object[]> {
  const content = entry.read === undefined ? undefined : await entry.read();
  const described = tocEntry(entry, entry.path, content);
  if (content === undefined || content.length <= CHUNK_SIZE) return [described];
  const parts: object[] = [];
  for (let start = 0; start < content.length; start += CHUNK_SIZE) {
    const chunk = content.subarray(start, start + CHUNK_SIZE);
    const chunkDigest = `sha256:${createHash('sha256').update(chunk).digest('hex')}`;
    const part = start === 0 ? described : { name: entry.path, type: 'chunk', chunkOffset: start };
    parts.push({ ...part, chunkSize: chunk.length, chunkDigest });
  }
  return parts;
}
