/* `stratafs check`: reads all of an archive, and tells what is wrong with it. */

import { isFsError } from '../base/errors.ts';
import { isFile } from '../base/mode.ts';
import type { Layer } from '../layer/layer.ts';
import { NO_PREFETCH_LANDMARK, PREFETCH_LANDMARK, TOC_NAME } from '../archive/estargz.ts';
import { findEstargzToc } from '../archive/estargz-footer.ts';
import { resolveLimits } from '../archive/limits.ts';
import { TAIL_SIZE } from '../archive/zip-end.ts';
import { findManifest } from '../archive/zstd-chunked.ts';
import { openTarLayer } from '../lower/tar-layer.ts';
import { fileSource } from '../pack/file-source.ts';
import { MEMORY, type Parsed, archiveHelp, archiveOptions, isUrl, numberOf, openNamed, parseLine, whiteoutsOf } from './arguments.ts';
import { diffLayers } from './diff.ts';
import { targetOf } from './listing.ts';
import { ExitCode, type Terminal, UsageError, printable } from './terminal.ts';

export const checkHelp = `stratafs check ARCHIVE…

Reads everything in archives and verifies it: CRC-32 of zip and gzip, SHA-256 of eStargz and zstd:chunked, Adler-32 of SquashFS, and
that the index of an eStargz or a zstd:chunked says what its tar says. Prints what was left out and what is damaged.
Ends with 1 when something is damaged, with 2 when an archive cannot be opened at all.

${archiveHelp}

Examples:
  stratafs check base.esgz --toc-digest sha256:…
  stratafs check --json dist/*.zip`;

interface Report {
  readonly archive: string;
  readonly digest: string;
  readonly entries: number;
  readonly bytes: number;
  readonly warnings: Layer['warnings'];
  readonly damaged: readonly { readonly path: string; readonly code: string; readonly message: string }[];
}

/** Bytes at a time. */
const STEP = 4 << 20;

export async function check(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, archiveOptions);
  if (parsed.positionals.length === 0) throw new UsageError('check takes archives');
  const reports: Report[] = [];
  for (const archive of parsed.positionals) {
    const layer = await openNamed(archive, parsed);
    try {
      const report = await scrub(archive, layer);
      const disagreeing = await compareWithTar(archive, layer, parsed);
      reports.push({ ...report, damaged: [...report.damaged, ...disagreeing] });
    } finally {
      await layer.close();
    }
  }
  if (parsed.flag('json')) terminal.out(`${JSON.stringify(reports, undefined, 2)}\n`);
  else for (const report of reports) print(report, terminal);
  return reports.some(({ damaged }) => damaged.length > 0) ? ExitCode.FOUND : ExitCode.OK;
}

async function scrub(archive: string, layer: Layer): Promise<Report> {
  const { table, digest, warnings } = layer;
  const damaged: { path: string; code: string; message: string }[] = [];
  let bytes = 0;
  for (let entry = 0; entry < table.length; entry++) {
    if (table.isWhiteout(entry) || table.canonical(entry) !== entry) continue;
    try {
      await targetOf(layer, entry);
      if (!isFile(table.mode(entry))) continue;
      const size = table.size(entry);
      for (let at = 0; at < size; at += STEP) bytes += (await layer.read(entry, at, Math.min(size, at + STEP))).length;
    } catch (e) {
      if (!isFsError(e)) throw e;
      damaged.push({ path: table.path(entry), code: e.code, message: e.message });
    }
  }
  return { archive, digest, entries: table.length - 1, bytes, warnings, damaged };
}

/**
 * An eStargz or zstd:chunked is read by its table of contents here and as a tar elsewhere: both have to say the same. Attributes may
 * differ, by the specification of eStargz.
 */
async function compareWithTar(archive: string, layer: Layer, parsed: Parsed): Promise<Report['damaged']> {
  if (isUrl(archive)) return [];
  const source = fileSource(archive);
  try {
    const size = await source.size();
    const bytes = await source.read(Math.max(0, size - TAIL_SIZE), size);
    const isEstargz = findEstargzToc({ bytes, size }, { archive }) !== undefined;
    if (!isEstargz && findManifest({ bytes, size }, { archive }) === undefined) return [];
    const strip = numberOf(parsed, 'strip') ?? 0;
    const own = isEstargz && strip === 0 ? [TOC_NAME, PREFETCH_LANDMARK, NO_PREFETCH_LANDMARK] : [];
    const table = { strip, whiteouts: whiteoutsOf(parsed), exclude: own };
    const opening = { source, size, table, limits: resolveLimits(), maxBytes: MEMORY, signal: undefined };
    const tar = await openTarLayer(opening, isEstargz ? 'gzip' : 'zstd');
    const differing = (await diffLayers(tar, layer)).filter(({ change }) => change !== 'meta');
    await tar.close();
    return differing.map(({ path, change }) => {
      const message = `EIO: i/o error (${archive}: '${path}': ${DISAGREEMENT[change]})`;
      return { path, code: 'EIO', message };
    });
  } catch (e) {
    if (!isFsError(e)) throw e;
    return [{ path: '/', code: e.code, message: e.message }];
  } finally {
    source.close();
  }
}

/** How the table of contents differs from the tar. */
const DISAGREEMENT = {
  added: 'in the table of contents, and not in the tar',
  deleted: 'in the tar, and not in the table of contents',
  modified: 'another in the tar than in the table of contents',
  meta: 'with other attributes in the tar',
} as const;

function print({ archive, digest, entries, bytes, warnings, damaged }: Report, terminal: Terminal): void {
  for (const { entry, message } of warnings) terminal.out(`${archive}: warning: ${printable(entry)}: ${printable(message)}\n`);
  for (const { message } of damaged) terminal.out(`${printable(message)}\n`);
  const verdict = damaged.length === 0 ? 'sound' : `${damaged.length} damaged`;
  terminal.out(`${archive}: ${verdict}: ${entries} entries, ${bytes} bytes, ${warnings.length} warnings, ${digest}\n`);
}
