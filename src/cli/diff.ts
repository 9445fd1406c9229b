/* `stratafs diff`: what one archive changes against another, in the words of `ws.diff()`. */

import { isSameBytes } from '../base/bytes.ts';
import type { Change } from '../base/diff.ts';
import { PERMISSIONS, S_IFMT, isDirectory, isFile } from '../base/mode.ts';
import type { Layer } from '../layer/layer.ts';
import { archiveHelp, archiveOptions, openNamed, parseLine } from './arguments.ts';
import { entryType, targetOf } from './listing.ts';
import { ExitCode, type Terminal, UsageError, printable } from './terminal.ts';

export const diffHelp = `stratafs diff A B

Tells what B changes against A: added, modified (content, target or type), deleted, meta (only mode, owner, times or xattrs).
Ends with 1 when there is a difference. Options are for both archives.

${archiveHelp}

Examples:
  stratafs diff template-1.zip template-2.esgz
  stratafs diff --strip 1 --json react-19.1.0.tgz react-19.2.0.tgz`;

export async function diff(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, archiveOptions);
  const [a, b, ...more] = parsed.positionals;
  if (a === undefined || b === undefined || more.length > 0) throw new UsageError('diff takes two archives');
  const before = await openNamed(a, parsed);
  try {
    const after = await openNamed(b, parsed);
    try {
      const changes = await diffLayers(before, after);
      if (parsed.flag('json')) terminal.out(`${JSON.stringify(changes, undefined, 2)}\n`);
      else for (const { change, path } of changes) terminal.out(`${change.padEnd(8)} ${printable(path)}\n`);
      return changes.length === 0 ? ExitCode.OK : ExitCode.FOUND;
    } finally {
      await after.close();
    }
  } finally {
    await before.close();
  }
}

/** Every change, sorted by path. @throws {FsError} EIO when content cannot be read */
export async function diffLayers(before: Layer, after: Layer): Promise<Change[]> {
  const changes: Change[] = [];
  await diffDirectory({ before, after }, 0, 0, changes);
  return changes.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
}

interface Sides {
  readonly before: Layer;
  readonly after: Layer;
}

async function diffDirectory(sides: Sides, one: number, other: number, changes: Change[]): Promise<void> {
  const [was, is] = [namesOf(sides.before, one), namesOf(sides.after, other)];
  for (const [name, entry] of was) if (!is.has(name)) changes.push(changeOf(sides.before, entry, 'deleted'));
  for (const [name, entry] of is) {
    const old = was.get(name);
    if (old === undefined) addAll(sides.after, entry, changes);
    else await diffEntry(sides, old, entry, changes);
  }
}

function namesOf({ table }: Layer, directory: number): Map<string, number> {
  const [first, end] = table.children(directory);
  const names = new Map<string, number>();
  for (let entry = first; entry < end; entry++) names.set(table.name(entry), entry);
  return names;
}

function changeOf({ table }: Layer, entry: number, change: Change['change']): Change {
  const mode = table.mode(entry);
  const size = change !== 'deleted' && isFile(mode) ? { size: table.size(table.canonical(entry)) } : undefined;
  return { path: table.path(entry), change, type: entryType(mode), ...size };
}

function addAll(layer: Layer, entry: number, changes: Change[]): void {
  changes.push(changeOf(layer, entry, 'added'));
  if (!layer.table.isDirectory(entry)) return;
  for (const child of namesOf(layer, entry).values()) addAll(layer, child, changes);
}

async function diffEntry(sides: Sides, one: number, other: number, changes: Change[]): Promise<void> {
  const { before, after } = sides;
  const [was, is] = [before.table.mode(one), after.table.mode(other)];
  const isMark = before.table.isWhiteout(one) || after.table.isWhiteout(other);
  if ((was & S_IFMT) !== (is & S_IFMT) || isMark) {
    if (before.table.isWhiteout(one) && after.table.isWhiteout(other)) return;
    changes.push(changeOf(after, other, 'modified'));
    if (after.table.isDirectory(other)) for (const child of namesOf(after, other).values()) addAll(after, child, changes);
    return;
  }
  if (!isDirectory(is) && (await contentDiffers(sides, one, other))) changes.push(changeOf(after, other, 'modified'));
  else if (attributesDiffer(sides, one, other)) changes.push(changeOf(after, other, 'meta'));
  if (isDirectory(is)) await diffDirectory(sides, one, other, changes);
}

/** Bytes at a time. */
const STEP = 4 << 20;

async function contentDiffers({ before, after }: Sides, one: number, other: number): Promise<boolean> {
  const mode = after.table.mode(other);
  if (before.table.rdev(one) !== after.table.rdev(other)) return true;
  if (!isFile(mode)) return (await targetOf(before, one)) !== (await targetOf(after, other));
  const size = after.table.size(other);
  if (before.table.size(one) !== size) return true;
  for (let at = 0; at < size; at += STEP) {
    const end = Math.min(size, at + STEP);
    if (!isSameBytes(await before.read(one, at, end), await after.read(other, at, end))) return true;
  }
  return false;
}

/** Times of directories are not compared, as in `ws.diff()`: they change with what is in them. */
function attributesDiffer({ before, after }: Sides, one: number, other: number): boolean {
  const [was, is] = [before.table, after.table];
  // What no entry describes has no attributes of its own.
  if (was.isImplied(one) || is.isImplied(other)) return false;
  if ((was.mode(one) & PERMISSIONS) !== (is.mode(other) & PERMISSIONS)) return true;
  if (was.uid(one) !== is.uid(other) || was.gid(one) !== is.gid(other)) return true;
  if (!isDirectory(is.mode(other)) && was.mtime(one) !== is.mtime(other)) return true;
  const [earlier, later] = [was.xattrs(one), is.xattrs(other)];
  if ((earlier?.size ?? 0) !== (later?.size ?? 0)) return true;
  for (const [name, value] of later ?? []) {
    const old = earlier?.get(name);
    if (old === undefined || !isSameBytes(old, value)) return true;
  }
  return false;
}
