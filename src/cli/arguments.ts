/* The command line: options that several commands have, and how they are read. `util.parseArgs` does the rest. */

import { parseArgs } from 'node:util';
import { FsError } from '../base/errors.ts';
import type { Layer } from '../layer/layer.ts';
import { openDirectory } from '../lower/directory-layer.ts';
import { type OpenLayerOptions, openLayer } from '../lower/open-layer.ts';
import { fileSource } from '../pack/file-source.ts';
import { UsageError } from './terminal.ts';

interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What a command line says. */
export interface Parsed {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  /** The last value of an option. */
  value(name: string): string | undefined;
  values(name: string): readonly string[];
}

/** Reads a command line. @throws {UsageError} */
export function parseLine(args: readonly string[], options: OptionSpecs): Parsed {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
  } catch (e) {
    if (e instanceof TypeError) throw new UsageError(e.message.split('. ')[0]);
    throw e;
  }
  const values = new Map<string, unknown>(Object.entries(parsed.values));
  const list = (name: string): string[] => [values.get(name) ?? []].flat().filter((value) => typeof value === 'string');
  return {
    positionals: parsed.positionals,
    flag: (name) => values.get(name) === true,
    value: (name) => list(name).at(-1),
    values: list,
  };
}

/** A whole number of an option. @throws {UsageError} */
export function numberOf(parsed: Parsed, name: string): number | undefined {
  const text = parsed.value(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} must be a number, not '${text}'`);
  return Number(text);
}

/** Options of commands that open archives. */
export const archiveOptions = {
  strip: { type: 'string' },
  whiteouts: { type: 'string' },
  integrity: { type: 'string' },
  'toc-digest': { type: 'string' },
  json: { type: 'boolean' },
} as const satisfies OptionSpecs;

export const archiveHelp = `  --strip N             drop N leading components of every name (1 for npm tarballs)
  --whiteouts oci       read names that start with .wh. as marks of an OCI layer
  --toc-digest DIGEST   digest that the table of contents of an eStargz (the manifest of a zstd:chunked) must have
  --integrity HASH      hash that the whole archive must have, as in HTML: sha256-…
  --json                print JSON`;

/** Bytes of one archive that may be in memory. */
export const MEMORY = 2 ** 32;

export const isUrl = (name: string): boolean => /^https?:\/\//.test(name);

/** @throws {UsageError} */
export function whiteoutsOf(parsed: Parsed): 'oci' | undefined {
  const whiteouts = parsed.value('whiteouts');
  if (whiteouts !== undefined && whiteouts !== 'oci') throw new UsageError(`--whiteouts must be oci, not '${whiteouts}'`);
  return whiteouts;
}

/**
 * Opens the archive that a positional names: a file, a URL, or the URL of a directory's index.
 *
 * @throws {FsError} as `openLayer`; {UsageError} when an option is none
 */
export async function openNamed(name: string, parsed: Parsed): Promise<Layer> {
  const options: OpenLayerOptions = {
    strip: numberOf(parsed, 'strip'),
    whiteouts: whiteoutsOf(parsed),
    integrity: parsed.value('integrity'),
    tocDigest: parsed.value('toc-digest'),
    maxBytes: MEMORY,
  };
  // The name of an index says so: nothing else that is JSON can be opened.
  if (isUrl(name) && /\.json(?:\?|$)/.test(name)) {
    if (options.tocDigest !== undefined) throw new UsageError('a directory is pinned by --integrity, the hash of its index');
    return openDirectory(name, options);
  }
  return openLayer(isUrl(name) ? name : fileSource(name), options);
}

/** The entry at a path of a layer. @throws {FsError} ENOENT, ENOTDIR */
export function entryAt({ table }: Layer, path: string): number {
  let entry = 0;
  for (const part of path.split('/').filter((name) => name !== '' && name !== '.')) {
    if (!table.isDirectory(entry)) throw new FsError('ENOTDIR', { syscall: 'stat', path });
    entry = table.lookup(entry, part);
    if (entry < 0 || table.isWhiteout(entry)) throw new FsError('ENOENT', { syscall: 'stat', path });
  }
  return entry;
}
