/* The DOM of one row of the tree. */

import type { Entry } from 'stratafs';
import type { Session } from '../session.ts';
import { el } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { extensionOf } from '../ui/paths.ts';
import type { Draft, Row } from './model.ts';

type EntryRow = Extract<Row, { kind: 'entry' }>;

/** The letter and the words for where an entry comes from; nothing for what is as the archive has it. */
function markOf({ from, renamedFrom }: RowLooks): { letter: string; words: string } | undefined {
  if (renamedFrom !== undefined) return { letter: 'R', words: `renamed from ${renamedFrom}` };
  switch (from) {
    case 'lower':
      return undefined;
    case 'upper':
      return { letter: 'A', words: 'added' };
    case 'copied-up':
      return { letter: 'M', words: 'changed' };
    case 'deleted':
      return { letter: 'D', words: 'deleted' };
    default:
      return from satisfies never;
  }
}

/** What the entry itself does not say. */
export interface RowLooks {
  readonly selected: boolean;
  /** Where it comes from, as the user sees it. */
  readonly from: Entry['from'];
  /** Where the archives have it, when it was renamed. */
  readonly renamedFrom: string | undefined;
  /** A directory that holds something changed. */
  readonly changedBelow: boolean;
}

/** Equal for rows that look the same, so that unchanged ones keep their element. */
export function rowSignature(row: EntryRow, { selected, from, renamedFrom, changedBelow }: RowLooks): string {
  const { entry, level, position, setSize, expanded } = row;
  return [entry.type, from, entry.layer, level, position, setSize, expanded, selected, renamedFrom, changedBelow].join(' ');
}

/** An element for an entry. */
export function rowElement(row: EntryRow, session: Session, looks: RowLooks): HTMLElement {
  const { entry, level, expanded } = row;
  const { selected, from, changedBelow } = looks;
  const mark = markOf(looks);
  const attrs: Record<string, string> = {
    role: 'treeitem',
    'aria-level': String(level),
    'aria-posinset': String(row.position),
    'aria-setsize': String(row.setSize),
    'aria-selected': String(selected),
    'aria-label': mark === undefined ? entry.name : `${entry.name}, ${mark.words}`,
    'data-path': entry.path,
    draggable: String(from !== 'deleted'),
    'data-extension': entry.type === 'directory' ? '' : extensionOf(entry.path),
    style: `--level: ${level}`,
  };
  if (expanded !== undefined) attrs['aria-expanded'] = String(expanded);
  return el(
    'div',
    { class: `row from-${from} ${entry.type}`, title: titleOf(entry, looks, session), attrs },
    el('span', { class: 'twist' }, expanded === undefined ? undefined : icon('chevron')),
    icon(iconOf(entry, expanded === true)),
    el('span', { class: 'name', text: entry.name }),
    changedBelow && mark === undefined ? el('span', { class: 'changed-below', title: 'holds changes' }) : undefined,
    from === 'deleted' || from === 'copied-up' ? restoreButton(from) : undefined,
    mark === undefined ? undefined : el('span', { class: 'mark', text: mark.letter }),
  );
}

function restoreButton(from: Entry['from']): HTMLElement {
  const label = from === 'deleted' ? 'Restore' : 'Restore the original';
  return el(
    'button',
    { class: 'row-button', title: label, attrs: { type: 'button', tabindex: '-1', 'data-do': 'restore', 'aria-label': label } },
    icon('restore'),
  );
}

function iconOf(entry: Entry, expanded: boolean): 'folder' | 'folder-open' | 'link' | 'file' {
  if (entry.type === 'directory') return expanded ? 'folder-open' : 'folder';
  return entry.type === 'symlink' ? 'link' : 'file';
}

function titleOf(entry: Entry, { from, renamedFrom }: RowLooks, session: Session): string {
  if (renamedFrom !== undefined) return `${entry.path}\nrenamed from ${renamedFrom}`;
  const layer = session.layerName(entry.layer);
  switch (from) {
    case 'lower':
      return `${entry.path}\nfrom ${layer ?? 'a lower layer'}`;
    case 'upper':
      return `${entry.path}\nadded: only in the upper layer`;
    case 'copied-up':
      return `${entry.path}\nchanged: copied up${layer === undefined ? '' : ` over ${layer}`}`;
    case 'deleted':
      return `${entry.path}\ndeleted${layer === undefined ? '' : `; ${layer} still has it`}`;
    default:
      return from satisfies never;
  }
}

/** A row where a name is typed. `onDone` gets the name, or nothing when the user gave up. */
export function draftElement(draft: Draft, level: number, onDone: (name: string | undefined) => void): HTMLElement {
  const before = draft.kind === 'rename' ? draft.entry.name : '';
  const type = draft.kind === 'rename' ? draft.entry.type : draft.type;
  const label = draft.kind === 'rename' ? `New name of ${before}` : `Name of the new ${type === 'directory' ? 'folder' : 'file'}`;
  const input = el('input', { class: 'name-input', attrs: { 'aria-label': label, spellcheck: 'false', autocomplete: 'off' } });
  input.value = before;
  let done = false;
  const finish = (name: string | undefined): void => {
    if (done) return;
    done = true;
    onDone(name === undefined || name === '' || name === before ? undefined : name);
  };
  input.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter') finish(input.value.trim());
    if (event.key === 'Escape') finish(undefined);
  });
  input.addEventListener('blur', () => finish(input.value.trim()));
  queueMicrotask(() => {
    input.focus();
    const dot = before.lastIndexOf('.');
    input.setSelectionRange(0, type === 'directory' || dot <= 0 ? before.length : dot);
  });
  return el(
    'div',
    { class: 'row draft', attrs: { style: `--level: ${level}` } },
    el('span', { class: 'twist' }),
    icon(type === 'directory' ? 'folder' : 'file'),
    input,
  );
}
