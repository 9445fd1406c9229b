/* `stratafs pack` and `stratafs oci`: write archives. */

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FsError } from '../base/errors.ts';
import { packOci } from '../pack/oci.ts';
import { type PackOptions, type Packed, pack as packArchive } from '../pack/pack.ts';
import { type Parsed, numberOf, parseLine } from './arguments.ts';
import { ExitCode, type Terminal, UsageError, printable } from './terminal.ts';

const packingOptions = {
  output: { type: 'string', short: 'o' },
  trace: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  mtime: { type: 'string' },
  owner: { type: 'string' },
  strip: { type: 'string' },
  level: { type: 'string' },
  'group-size': { type: 'string' },
  'chunk-size': { type: 'string' },
  json: { type: 'boolean' },
} as const;

const packingHelp = `  --exclude PATTERN     leave out what matches and what is below: * within a component, ** for any number;
                        may be repeated
  --mtime TIME          no entry is later: seconds since 1970 or a date. Default: the environment's SOURCE_DATE_EPOCH
  --owner UID:GID|keep  owner of everything. Default: 0:0 for a folder, keep for an archive
  --strip N             of an archive: drop N leading components of every name
  --level N             of compression, 0 to 9. Default: 9
  --group-size BYTES    small files share a gzip member up to here; 0 for readers without innerOffset. Default: 65536
  --chunk-size BYTES    of large files. Default: 1048576
  --json                print JSON`;

export const packHelp = `stratafs pack SOURCE -o FILE

Packs a folder, or an archive anew, as eStargz (a tar.gz with an index, which every tar unpacks) or, where FILE ends in .zip, as zip.
The same tree and options give the same bytes. Prints the digests that pin the result.

  -o, --output FILE     where to write
  --format NAME         estargz or zip. Default: by the name of FILE
  --trace FILE          paths that a program opens first, one a line or as a JSON list: they are packed in front
${packingHelp}

Examples:
  stratafs pack template -o base.esgz --trace startup.txt --exclude .git
  stratafs pack react-19.2.0.tgz -o react.zip --strip 1`;

export const ociHelp = `stratafs oci SOURCE… -o LAYOUT

Packs folders and archives as the layers of one image, the bottom one first, and writes an OCI image layout, which any static host
can serve. The layers are eStargz; their digests are in the manifest.

  -o, --output LAYOUT   folder to write; must be empty or not exist
  --ref NAME            name of the image in the layout. Default: latest
  --platform OS/ARCH    Default: linux/amd64
  --trace FILE          as for pack; given again for the next layer
${packingHelp}

Examples:
  stratafs oci system toolchain project -o image --ref v1`;

export async function pack(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, { ...packingOptions, format: { type: 'string' } });
  const [source, ...more] = parsed.positionals;
  if (source === undefined || more.length > 0) throw new UsageError('pack takes one folder or archive');
  const output = outputOf(parsed);
  const format = parsed.value('format') ?? (/\.zip$/i.test(output) ? 'zip' : 'estargz');
  if (format !== 'zip' && format !== 'estargz') throw new UsageError(`--format must be estargz or zip, not '${format}'`);
  const packed = await packArchive(source, { ...optionsOf(parsed, terminal), format, trace: traceOf(parsed.value('trace')) });
  writeWhole(output, packed.bytes);
  warn(packed, terminal);
  const { bytes, ...summary } = packed;
  if (parsed.flag('json')) terminal.out(`${JSON.stringify({ output, size: bytes.length, ...summary }, undefined, 2)}\n`);
  else terminal.out(summarise(output, packed));
  return ExitCode.OK;
}

export async function oci(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, { ...packingOptions, ref: { type: 'string' }, platform: { type: 'string' } });
  const { positionals: sources } = parsed;
  if (sources.length === 0) throw new UsageError('oci takes folders or archives');
  const output = outputOf(parsed);
  if (existsSync(output) && readdirSync(output).length > 0) throw new FsError('ENOTEMPTY', { syscall: 'mkdir', path: output });
  const traces = parsed.values('trace').map(traceOf);
  const { files, digest, layers } = await packOci(sources, {
    ...optionsOf(parsed, terminal),
    ref: parsed.value('ref'),
    platform: parsed.value('platform'),
    traces,
  });
  for (const [path, bytes] of files) {
    mkdirSync(join(output, dirname(path)), { recursive: true });
    writeFileSync(join(output, path), bytes);
  }
  for (const layer of layers) warn(layer, terminal);
  const summaries = layers.map(({ bytes, ...summary }) => ({ size: bytes.length, ...summary }));
  if (parsed.flag('json')) terminal.out(`${JSON.stringify({ output, digest, layers: summaries }, undefined, 2)}\n`);
  else
    terminal.out(
      `${layers.map((layer, i) => summarise(sources[i]!, layer)).join('')}${output}: ${layers.length} layers\n  manifest ${digest}\n`,
    );
  return ExitCode.OK;
}

function outputOf(parsed: Parsed): string {
  const output = parsed.value('output');
  if (output === undefined || output === '') throw new UsageError('-o is missing: where to write');
  return output;
}

function optionsOf(parsed: Parsed, { env }: Terminal): PackOptions {
  return {
    exclude: parsed.values('exclude'),
    latest: timeOf(parsed.value('mtime') ?? env.SOURCE_DATE_EPOCH),
    owner: ownerOf(parsed.value('owner')),
    strip: numberOf(parsed, 'strip'),
    level: numberOf(parsed, 'level'),
    groupSize: numberOf(parsed, 'group-size'),
    chunkSize: numberOf(parsed, 'chunk-size'),
  };
}

/** Seconds since the epoch. */
export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000);
  if (!(seconds >= 0)) throw new UsageError(`--mtime must be seconds since 1970 or a date, not '${text}'`);
  return seconds;
}

export function ownerOf(text: string | undefined): PackOptions['owner'] {
  if (text === undefined || text === 'keep') return text;
  const [, uid, gid] = /^(\d{1,9}):(\d{1,9})$/.exec(text) ?? [];
  if (uid === undefined || gid === undefined) throw new UsageError(`--owner must be UID:GID or keep, not '${text}'`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** One path a line, or a JSON list of strings. */
function traceOf(file: string | undefined): readonly string[] | undefined {
  if (file === undefined) return undefined;
  const text = readFileSync(file, 'utf8');
  if (!text.trimStart().startsWith('[')) return text.split(/\r?\n/).filter((line) => line !== '');
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new UsageError(`${file} is no JSON list of paths`);
  }
  if (!Array.isArray(list) || !list.every((path) => typeof path === 'string')) throw new UsageError(`${file} is no JSON list of paths`);
  return list;
}

/** All of it or nothing: who reads meanwhile sees the old file. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const staging = `${path}.${process.pid}.part`;
  try {
    writeFileSync(staging, bytes);
    renameSync(staging, path);
  } catch (e) {
    rmSync(staging, { force: true });
    throw e;
  }
}

export function warn({ warnings }: Pick<Packed, 'warnings'>, terminal: Terminal): void {
  for (const { path, message } of warnings) terminal.err(`warning: ${printable(path)}: ${printable(message)}\n`);
}

function summarise(name: string, { bytes, entries, prefetched, digest, tocDigest }: Packed): string {
  const inFront = prefetched > 0 ? `, ${prefetched} in front` : '';
  const pin = tocDigest === undefined ? '' : `  toc    ${tocDigest}\n`;
  return `${name}: ${entries} entries${inFront}, ${bytes.length} bytes\n  digest ${digest}\n${pin}`;
}
