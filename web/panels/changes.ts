/* The Changes panel: everything that the upper has against the lowers, and the way back. */

import type { Change } from 'stratafs';
import type { Session } from '../session.ts';
import { renamedFrom } from '../session.ts';
import { moveBack, restore, restoreEntry } from '../tree/actions.ts';
import { ask } from '../ui/dialog.ts';
import { el, iconButton, textButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { ancestorsOf, nameOf, parentOf } from '../ui/paths.ts';
import { bytes, count } from '../ui/words.ts';

/** Rows that are made; beyond it the number of the rest is told. */
const SHOWN = 500;
/** Entries of an added directory that are listed one by one. */
const UNFOLDED = 8;

export function changesPanel(session: Session, show: (path: string) => void): HTMLElement {
  const panel = el('div', { class: 'panel changes' });
  const draw = (): void => panel.replaceChildren(...content(session, show));
  session.changesRead.on(draw);
  draw();
  return panel;
}

function content(session: Session, show: (path: string) => void): Node[] {
  const { changes } = session;
  if (changes.length === 0) {
    return [
      el(
        'div',
        { class: 'empty' },
        icon('check'),
        el('p', { text: 'No changes' }),
        el('p', { class: 'dim', text: 'The tree is exactly what the archives hold.' }),
      ),
    ];
  }
  const folded = fold(changes);
  const rows = folded.slice(0, SHOWN).map(({ change, inside }) => changeRow(session, change, inside, show));
  const rest = folded.length - rows.length;
  return [
    el(
      'div',
      { class: 'panel-tools' },
      el('span', { class: 'dim', text: count(changes.length, 'change') }),
      el('span', { class: 'spring' }),
      textButton('Reset all…', 'quiet', () => void resetAll(session)),
    ),
    el('ul', { class: 'change-list' }, ...rows),
    ...(rest > 0 ? [el('p', { class: 'dim rest', text: `and ${count(rest, 'more change')}` })] : []),
  ];
}

interface Folded {
  readonly change: Change;
  /** Added entries in this added directory that have no row of their own. */
  readonly inside: number;
}

/** Leaves out what stands in a large added directory: it came with it and goes with it. */
function fold(changes: readonly Change[]): Folded[] {
  const added = new Set(changes.filter((change) => change.change === 'added' && change.type === 'directory').map(({ path }) => path));
  const topOf = ({ path }: Change): string | undefined => ancestorsOf(path).find((directory) => added.has(directory));
  const sizes = new Map<string, number>();
  for (const change of changes) {
    const top = topOf(change);
    if (top !== undefined) sizes.set(top, (sizes.get(top) ?? 0) + 1);
  }
  const isFolded = (size: number | undefined): boolean => size !== undefined && size > UNFOLDED;
  return changes
    .filter((change) => !isFolded(sizes.get(topOf(change) ?? '')))
    .map((change) => ({ change, inside: isFolded(sizes.get(change.path)) ? (sizes.get(change.path) ?? 0) : 0 }));
}

async function resetAll(session: Session): Promise<void> {
  const agreed = await ask({
    title: 'Reset the whole workspace?',
    text: `${count(session.changes.length, 'change')} will be dropped, and the tree is again what the archives hold. This cannot be undone.`,
    verb: 'Reset all',
    dangerous: true,
  });
  if (agreed) await restore(session, '/');
}

function changeRow(session: Session, change: Change, inside: number, show: (path: string) => void): HTMLElement {
  const { letter, className, words } = describe(change);
  const folder = parentOf(change.path);
  const from = renamedFrom(change);
  const label = from !== undefined ? 'Move back' : change.change === 'added' ? 'Discard' : 'Restore';
  return el(
    'li',
    { class: `change ${className}` },
    el('span', { class: 'mark', text: letter, title: words }),
    el(
      'button',
      {
        class: 'change-name',
        title: `${change.path}\n${words}${change.size === undefined ? '' : `, ${bytes(change.size)}`}`,
        attrs: { type: 'button' },
        on: { click: () => show(change.path) },
      },
      el('span', { class: 'name', text: nameOf(change.path) + (change.type === 'directory' ? '/' : '') }),
      el('span', {
        class: 'where',
        text: inside > 0 ? `with ${count(inside, 'entry', 'entries')}` : from === undefined ? folder : `← ${from}`,
      }),
    ),
    iconButton(
      icon(change.change === 'added' && from === undefined ? 'trash' : 'restore'),
      `${label} ${change.path}`,
      () => void takeBack(session, change),
    ),
  );
}

function describe(change: Change): { letter: string; className: string; words: string } {
  switch (change.change) {
    case 'added':
      return change.from === undefined
        ? { letter: 'A', className: 'from-upper', words: 'added' }
        : { letter: 'R', className: 'from-upper', words: `renamed from ${change.from}` };
    case 'modified':
      return { letter: 'M', className: 'from-copied-up', words: 'changed' };
    case 'meta':
      return { letter: 'm', className: 'from-copied-up', words: 'only mode, owner or times differ' };
    case 'deleted':
      return { letter: 'D', className: 'from-deleted', words: 'deleted' };
    default:
      return change.change satisfies never;
  }
}

async function takeBack(session: Session, change: Change): Promise<void> {
  const from = renamedFrom(change);
  if (from !== undefined) {
    await moveBack(session, change.path, from);
    return;
  }
  if (change.change !== 'added') {
    await restoreEntry(session, change.path, change.change === 'deleted' ? 'deleted' : 'changed');
    return;
  }
  const agreed = await ask({
    title: `Discard ${nameOf(change.path)}?`,
    text: 'It is only in the upper layer: discarding it cannot be undone.',
    verb: 'Discard',
    dangerous: true,
  });
  if (agreed) await restore(session, change.path);
}
