/* Dragging in the tree: an entry into another folder, or files from the desktop into the workspace. */

import type { Session } from '../session.ts';
import { parentOf } from '../ui/paths.ts';
import { add, moveInto } from './actions.ts';

const TYPE = 'application/x-stratafs-path';

/** `done` gets the path where something now stands. */
export function handleDrops(tree: HTMLElement, session: Session, done: (path: string) => void): void {
  let over: Element | undefined;
  const mark = (element: Element | undefined): void => {
    over?.classList.remove('drop-target');
    over = element;
    over?.classList.add('drop-target');
  };
  tree.addEventListener('dragstart', (event) => {
    const path = rowAt(event.target)?.dataset.path;
    if (path === undefined || event.dataTransfer === null) return event.preventDefault();
    event.dataTransfer.setData(TYPE, path);
    event.dataTransfer.effectAllowed = 'move';
  });
  tree.addEventListener('dragover', (event) => {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes(TYPE) && !types.includes('Files')) return;
    event.preventDefault();
    const row = rowAt(event.target);
    mark(row?.classList.contains('directory') === true ? row : tree);
  });
  tree.addEventListener('dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node) || !tree.contains(event.relatedTarget)) mark(undefined);
  });
  tree.addEventListener('dragend', () => mark(undefined));
  tree.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(undefined);
    const { dataTransfer } = event;
    if (dataTransfer === null) return;
    const directory = directoryAt(event.target);
    const path = dataTransfer.getData(TYPE);
    void put(session, path, [...dataTransfer.files], directory, done);
  });
}

async function put(session: Session, path: string, files: readonly File[], directory: string, done: (path: string) => void): Promise<void> {
  const now = path === '' ? await add(session, files, directory) : await moveInto(session, path, directory);
  if (now !== undefined) done(now);
}

function rowAt(target: EventTarget | null): HTMLElement | undefined {
  return (target instanceof Element ? target.closest<HTMLElement>('[data-path]') : undefined) ?? undefined;
}

/** The directory that a drop goes into: the one it falls on, or that of the file it falls on. */
function directoryAt(target: EventTarget | null): string {
  const row = rowAt(target);
  const path = row?.dataset.path;
  if (row === undefined || path === undefined) return '/';
  return row.classList.contains('directory') && !row.classList.contains('from-deleted') ? path : parentOf(path);
}
