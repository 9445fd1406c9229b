/* The bar at the bottom: is everything committed, how much was changed, how much was fetched, where the cursor is. */

import type { RemoteCompanion } from '../companion.ts';
import type { ActiveFile, EditorPane } from '../editor/pane.ts';
import type { Session } from '../session.ts';
import { el } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { keyName } from '../ui/keys.ts';
import { bytes, count } from '../ui/words.ts';

export interface StatusActions {
  showChanges(): void;
  toggleTerminal(): void;
}

export function statusBar(session: Session, editor: EditorPane, companion: RemoteCompanion, actions: StatusActions): HTMLElement {
  return el(
    'footer',
    { class: 'status' },
    commitState(session),
    changeCount(session, actions),
    traffic(companion),
    el('span', { class: 'spring' }),
    cursor(editor),
    el(
      'button',
      {
        class: 'status-item',
        title: `Terminal (${keyName('`')})`,
        attrs: { type: 'button' },
        on: { click: () => actions.toggleTerminal() },
      },
      icon('terminal'),
      'Terminal',
    ),
  );
}

function commitState(session: Session): HTMLElement {
  const text = el('span', { text: session.ws.name === undefined ? 'Not saved: in memory only' : 'All changes committed' });
  const item = el('span', { class: 'status-item commit', attrs: { role: 'status' } }, el('span', { class: 'light' }), text);
  item.classList.toggle('volatile', session.ws.name === undefined);
  session.pendingChanged.on((pending) => {
    item.classList.toggle('pending', pending > 0);
    if (session.ws.name !== undefined) text.textContent = pending > 0 ? 'Committing…' : 'All changes committed';
  });
  return item;
}

function changeCount(session: Session, actions: StatusActions): HTMLElement {
  const item = el('button', {
    class: 'status-item',
    title: 'Show the changes',
    attrs: { type: 'button' },
    on: { click: () => actions.showChanges() },
  });
  session.changesRead.on(() => {
    item.textContent = session.changes.length === 0 ? 'No changes' : count(session.changes.length, 'change');
  });
  return item;
}

function traffic(companion: RemoteCompanion): HTMLElement {
  const item = el('span', { class: 'status-item', title: 'Fetched from the archives since the page was opened' });
  void companion.watchTraffic(({ requests, bytes: fetched }) => {
    item.textContent = `${bytes(fetched)} fetched in ${count(requests, 'request')}`;
  });
  return item;
}

function cursor(editor: EditorPane): HTMLElement {
  const item = el('span', { class: 'status-item' });
  editor.activeChanged.on((file: ActiveFile | undefined) => {
    const position = file?.line === undefined ? '' : `Ln ${file.line}, Col ${file.column ?? 1}   `;
    item.textContent = file === undefined ? '' : `${position}${file.language}`;
  });
  return item;
}
