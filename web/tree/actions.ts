/* What a user can do to an entry: create, rename, move, delete, restore. */

import type { Entry } from 'stratafs';
import type { Session } from '../session.ts';
import { renamedFrom } from '../session.ts';
import { ask } from '../ui/dialog.ts';
import { isWithin, join, nameOf, parentOf } from '../ui/paths.ts';
import { toast } from '../ui/toast.ts';
import { count } from '../ui/words.ts';

/** Creates an empty file or a folder; `name` may have several components. Resolves to its path where that worked. */
export async function create(session: Session, parent: string, name: string, type: 'file' | 'directory'): Promise<string | undefined> {
  const path = join(parent, name.replace(/\/+$/, ''));
  const { fs } = session.ws;
  const worked = await session.act([path], async () => {
    if (name.includes('/')) await fs.mkdir(parentOf(path), { recursive: true });
    if (type === 'directory') await fs.mkdir(path);
    else await fs.writeFile(path, '', { flag: 'wx' });
  });
  return worked ? path : undefined;
}

/** Renames without ever replacing something. Resolves to the new path where that worked. */
export async function rename(session: Session, from: string, to: string): Promise<string | undefined> {
  const { fs } = session.ws;
  const worked = await session.act([from, to], () => fs.rename(from, to, NOREPLACE));
  if (!worked) return undefined;
  session.renamed.emit({ from, to });
  return to;
}

/** RENAME_NOREPLACE of renameat2(2): EEXIST when the new name is taken. */
const NOREPLACE = 1;

/** Deletes. What the archives still have comes back with one click, so only the loss of the user's own work is asked about. */
export async function remove(session: Session, entry: Entry): Promise<boolean> {
  const lost = session.changes.filter((change) => change.change !== 'deleted' && isWithin(change.path, entry.path));
  if ((entry.from !== 'lower' || lost.length > 0) && !(await confirmLoss(entry, lost.length))) return false;
  const worked = await session.act([entry.path], () => session.ws.fs.rm(entry.path, { recursive: true }));
  if (worked && entry.layer !== undefined) {
    const undo = (): void => void restore(session, entry.path);
    toast(`Deleted ${entry.name}`, { action: { label: entry.from === 'lower' ? 'Undo' : 'Restore the original', run: undo } });
  }
  return worked;
}

function confirmLoss(entry: Entry, changes: number): Promise<boolean> {
  const inside = entry.type === 'directory' && changes > 1 ? ` It holds ${count(changes, 'change')} of yours.` : '';
  const original =
    entry.layer === undefined
      ? 'It is only in the upper layer: deleting it cannot be undone.'
      : 'Your changes to it will be lost; the original can be restored.';
  return ask({ title: `Delete ${entry.name}?`, text: `${original}${inside}`, verb: 'Delete', dangerous: true });
}

/** Drops what the upper has at `path`, so that the archives show again. */
export function restore(session: Session, path: string): Promise<boolean> {
  return session.act([path], () => session.ws.reset(path));
}

/**
 * Restores what the archives have at `path`: a changed entry after asking, a deleted one at once, for there is nothing to lose.
 * What was only renamed is moved back.
 */
export async function restoreEntry(session: Session, path: string, from: 'changed' | 'deleted'): Promise<boolean> {
  const renamed = session.changes.find((change) => renamedFrom(change) === path);
  if (from === 'deleted' && renamed !== undefined) return moveBack(session, renamed.path, path);
  if (from === 'changed') {
    const agreed = await ask({
      title: `Restore the original of ${nameOf(path)}?`,
      text: 'What the archive has shows again. Your changes to it are dropped.',
      verb: 'Restore',
      dangerous: true,
    });
    if (!agreed) return false;
  }
  return restore(session, path);
}

/** Undoes a rename after asking, because what stands there now goes with it. */
export async function moveBack(session: Session, from: string, to: string): Promise<boolean> {
  const question = {
    title: `Move ${nameOf(from)} back?`,
    text: `It was renamed from ${to}, and will have that name again.`,
    verb: 'Move back',
  };
  return (await ask(question)) && (await rename(session, from, to)) !== undefined;
}

/** Moves an entry into a directory. */
export async function moveInto(session: Session, path: string, directory: string): Promise<string | undefined> {
  if (parentOf(path) === directory || isWithin(directory, path)) return undefined;
  return rename(session, path, join(directory, nameOf(path)));
}

/** Writes files from outside into a directory. Never replaces one. */
export async function add(session: Session, files: Iterable<File>, directory: string): Promise<string | undefined> {
  let last: string | undefined;
  for (const file of files) {
    const path = join(directory, file.name);
    const write = async (): Promise<void> => session.ws.fs.writeFile(path, new Uint8Array(await file.arrayBuffer()), { flag: 'wx' });
    if (await session.act([path], write)) last = path;
  }
  return last;
}
