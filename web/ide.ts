/* Puts the panes together, and the keys that work everywhere. */

import type { Opened } from './boot.ts';
import { downloads } from './download.ts';
import { EditorPane } from './editor/pane.ts';
import { header } from './panels/header.ts';
import { Inspector } from './panels/inspector.ts';
import { quickOpen } from './panels/quick-open.ts';
import { SearchPanel } from './panels/search.ts';
import { statusBar } from './panels/status.ts';
import { showError } from './session.ts';
import { TerminalView } from './terminal/view.ts';
import { Explorer } from './tree/explorer.ts';
import { el } from './ui/element.ts';
import { recall, remember } from './ui/memory.ts';
import { splitter } from './ui/splitter.ts';

const TERMINAL = 'show-terminal';
const INSPECTOR = 'show-inspector';
const SEARCH = 'show-search';
/** Width in pixels below which the right pane starts hidden. */
const NARROW = 1000;

export async function startIde(host: HTMLElement, { session, companion }: Opened): Promise<void> {
  const editor = new EditorPane(session);
  const explorer = new Explorer(
    session,
    (path, intent) => void editor.open(path, intent),
    () => searchInFiles(),
  );
  const inspector = new Inspector(session, editor, (path) => void explorer.reveal(path));
  const shell = el('div', { class: 'ide' });
  const search = new SearchPanel(session, {
    open: (path, { line, column, start, end }) => void editor.openAt(path, line, column, end - start),
    close: () => {
      shell.classList.remove(SEARCH);
      explorer.focus();
    },
  });
  const searchInFiles = (): void => {
    shell.classList.add(SEARCH);
    search.start(editor.selectedText);
  };
  const toggle = (what: string): void => {
    remember(what, String(shell.classList.toggle(what)));
  };
  const terminal = new TerminalView(companion, () => toggleTerminal());
  const toggleTerminal = (): void => {
    toggle(TERMINAL);
    if (shell.classList.contains(TERMINAL)) terminal.focus();
  };
  const goToFile = async (): Promise<void> => {
    const path = await quickOpen(session);
    if (path !== undefined) await editor.open(path);
  };
  shell.classList.toggle(TERMINAL, recall(TERMINAL) !== 'false');
  shell.classList.toggle(INSPECTOR, innerWidth >= NARROW && recall(INSPECTOR) !== 'false');
  shell.append(
    header({ downloads: () => downloads(session), goToFile: () => void goToFile(), toggleInspector: () => toggle(INSPECTOR) }),
    explorer.element,
    search.element,
    splitter({ property: '--left', label: 'Width of the files', edge: 'left', initial: 270, min: 160, max: () => innerWidth * 0.5 }),
    editor.element,
    splitter({ property: '--right', label: 'Width of the changes', edge: 'right', initial: 300, min: 220, max: () => innerWidth * 0.45 }),
    inspector.element,
    splitter({
      property: '--bottom',
      label: 'Height of the terminal',
      edge: 'bottom',
      initial: 210,
      min: 80,
      max: () => innerHeight * 0.7,
    }),
    terminal.element,
    statusBar(session, editor, companion, {
      toggleTerminal,
      showChanges: () => {
        shell.classList.add(INSPECTOR);
        inspector.show('changes');
      },
    }),
  );
  host.replaceChildren(shell);
  listenToKeys({ save: () => void editor.save(), goToFile: () => void goToFile(), searchInFiles, toggleTerminal });
  window.addEventListener('beforeunload', (event) => {
    if (editor.hasUnsaved) event.preventDefault();
  });
  session.follow().catch(showError);
  await Promise.all([explorer.start(), editor.start(), session.readChanges()]);
}

interface Keys {
  save(): void;
  goToFile(): void;
  searchInFiles(): void;
  toggleTerminal(): void;
}

function listenToKeys(keys: Keys): void {
  window.addEventListener(
    'keydown',
    (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || document.querySelector('dialog[open]') !== null) return;
      const key = event.key.toLowerCase(); // with Caps Lock they are capitals
      if (event.shiftKey && key === 'f') keys.searchInFiles();
      else if (event.shiftKey) return;
      else if (key === 's') keys.save();
      else if (key === 'p') keys.goToFile();
      else if (key === '`') keys.toggleTerminal();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );
}
