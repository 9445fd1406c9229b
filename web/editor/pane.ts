/* The middle pane: open files in tabs, one of them in the editor, saved with Ctrl S or ⌘ S. */

import type { Extension } from '@codemirror/state';
import { EditorSelection } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { isFsError } from 'stratafs';
import type { Session } from '../session.ts';
import { showError } from '../session.ts';
import { ask } from '../ui/dialog.ts';
import { el } from '../ui/element.ts';
import { logo } from '../ui/icons.ts';
import { keyName } from '../ui/keys.ts';
import { recall, recallList, remember } from '../ui/memory.ts';
import { isWithin, moved, nameOf } from '../ui/paths.ts';
import { Signal } from '../ui/signal.ts';
import type { OpenFile } from './documents.ts';
import { contentOf, isDirty, textOf } from './documents.ts';
import { languageOf } from './language.ts';
import { previewOf } from './preview.ts';
import { Tabs } from './tabs.ts';

/** What the status bar says of the active file. */
export interface ActiveFile {
  readonly path: string;
  readonly language: string;
  readonly line?: number;
  readonly column?: number;
}

export type OpenIntent = 'look' | 'edit';

export class EditorPane {
  readonly element: HTMLElement;
  readonly activeChanged = new Signal<ActiveFile | undefined>();

  readonly #session: Session;
  readonly #tabs: Tabs;
  readonly #host = el('div', { class: 'editor-host' });
  readonly #files: OpenFile[] = [];
  readonly #extensions: Extension;
  #active: OpenFile | undefined;
  #view: EditorView | undefined;
  /** Until the files of the last visit are open, what is shown is not worth remembering. */
  #started = false;

  constructor(session: Session) {
    this.#session = session;
    this.#tabs = new Tabs(
      (path) => void this.open(path),
      (path) => void this.close(path),
    );
    this.#extensions = EditorView.updateListener.of((update) => {
      if (this.#active?.content.kind === 'text') this.#active.content.state = update.state;
      if (update.docChanged) this.#showTabs();
      if (update.docChanged || update.selectionSet) this.#tellActive();
    });
    this.element = el('main', { class: 'editor', attrs: { 'aria-label': 'Editor' } }, this.#tabs.element, this.#host);
    session.touched.on((paths) => void this.#reload(paths));
    session.renamed.on(({ from, to }) => this.#follow(from, to));
    this.#showActive();
  }

  get #memoryKey(): string {
    return `open:${this.#session.ws.name ?? ''}`;
  }

  get hasUnsaved(): boolean {
    return this.#files.some(isDirty);
  }

  /** Opens what was open when the page was left, or the read-me on a first visit. */
  async start(): Promise<void> {
    const active = recall(`${this.#memoryKey}:active`);
    const paths = active === undefined ? ['/README.md'] : recallList(this.#memoryKey);
    for (const path of paths) {
      const file = await this.#read(path).catch(() => undefined);
      if (file !== undefined) this.#files.push(file);
    }
    this.#started = true;
    this.#activate(this.#files.find((file) => file.path === active) ?? this.#files[0]);
  }

  /**
   * Shows a file, opening it first where it is not. A symbolic link opens what it points at.
   * *look* leaves the focus where it is, for who walks through the tree; *edit* takes it.
   */
  async open(path: string, intent: OpenIntent = 'edit'): Promise<void> {
    try {
      const known = this.#files.find((file) => file.path === path);
      const real = known === undefined ? await this.#session.ws.fs.realpath(path) : path;
      const file = this.#files.find(({ path: open }) => open === real) ?? (await this.#read(real));
      if (!this.#files.some(({ path: open }) => open === file.path)) this.#files.push(file);
      this.#activate(this.#files.find(({ path: open }) => open === file.path) ?? file);
      if (intent === 'edit') this.#view?.focus();
    } catch (error) {
      showError(error);
    }
  }

  /** Opens a file with a part of a line selected: both counted from 1, where the file was searched. It may have changed since. */
  async openAt(path: string, line: number, column: number, length: number): Promise<void> {
    await this.open(path);
    if (this.#active?.path !== path || this.#view === undefined) return;
    const { doc } = this.#view.state;
    const { from, to } = doc.line(Math.min(line, doc.lines));
    const start = Math.min(from + column - 1, to);
    const selection = EditorSelection.range(start, Math.min(start + length, to));
    this.#view.dispatch({ selection, effects: EditorView.scrollIntoView(selection, { y: 'center' }) });
  }

  /** What is selected in one line. */
  get selectedText(): string {
    if (this.#active?.content.kind !== 'text') return '';
    const { state } = this.#active.content;
    const { from, to } = state.selection.main;
    const text = state.sliceDoc(from, to);
    return text.includes('\n') ? '' : text;
  }

  async close(path: string): Promise<void> {
    const file = this.#files.find((open) => open.path === path);
    if (file === undefined) return;
    const question = {
      title: `Close ${nameOf(path)} without saving?`,
      text: 'What you typed since the last save is lost.',
      verb: 'Close',
      dangerous: true,
    };
    if (isDirty(file) && !(await ask(question))) return;
    const at = this.#files.indexOf(file);
    this.#files.splice(at, 1);
    if (this.#active === file) this.#activate(this.#files[Math.min(at, this.#files.length - 1)]);
    else this.#showTabs();
  }

  async closeActive(): Promise<void> {
    if (this.#active !== undefined) await this.close(this.#active.path);
  }

  /** Saves the active file. It counts as saved when the workspace has committed it. */
  async save(): Promise<void> {
    const file = this.#active;
    if (file?.content.kind !== 'text') return;
    const { content, path } = file;
    const { state } = content;
    if (!(await this.#session.act([path], () => this.#session.ws.fs.writeFile(path, textOf(state))))) return;
    content.saved = state.doc;
    file.gone = false;
    this.#showTabs();
  }

  async #read(path: string): Promise<OpenFile> {
    const bytes = await this.#session.ws.fs.readFile(path);
    return { path, content: contentOf(path, bytes, this.#extensions), gone: false };
  }

  #activate(file: OpenFile | undefined): void {
    if (this.#active === file && file !== undefined) return;
    this.#active = file;
    this.#showActive();
  }

  #showActive(): void {
    const content = this.#active?.content;
    if (content?.kind !== 'text') {
      this.#view?.destroy();
      this.#view = undefined;
      this.#host.replaceChildren(
        this.#active === undefined || content === undefined ? emptyState() : previewOf(this.#active.path, content),
      );
    } else if (this.#view === undefined) {
      this.#host.replaceChildren();
      this.#view = new EditorView({ state: content.state, parent: this.#host });
    } else {
      this.#view.setState(content.state);
    }
    this.#showTabs();
    this.#tellActive();
  }

  #showTabs(): void {
    const tabs = this.#files.map((file) => ({ path: file.path, dirty: isDirty(file), gone: file.gone }));
    this.#tabs.show(tabs, this.#active?.path);
    if (!this.#started) return;
    remember(this.#memoryKey, JSON.stringify(this.#files.map((file) => file.path)));
    remember(`${this.#memoryKey}:active`, this.#active?.path ?? '');
  }

  #tellActive(): void {
    const file = this.#active;
    if (file === undefined) return this.activeChanged.emit(undefined);
    if (file.content.kind !== 'text')
      return this.activeChanged.emit({ path: file.path, language: file.content.kind === 'image' ? 'Image' : 'Binary' });
    const { state } = file.content;
    const line = state.doc.lineAt(state.selection.main.head);
    this.activeChanged.emit({
      path: file.path,
      language: languageOf(file.path).name,
      line: line.number,
      column: state.selection.main.head - line.from + 1,
    });
  }

  /** Follows what others wrote. Text that the user has not saved is left alone. */
  async #reload(paths: readonly string[]): Promise<void> {
    for (const file of this.#files.slice()) {
      if (!paths.some((path) => isWithin(file.path, path))) continue;
      const fresh = await this.#read(file.path).catch((error: unknown) => {
        if (!isFsError(error, 'ENOENT') && !isFsError(error, 'EISDIR') && !isFsError(error, 'ENOTDIR')) showError(error);
        return undefined;
      });
      file.gone = fresh === undefined;
      if (fresh !== undefined && !isDirty(file) && !sameText(file, fresh)) this.#replace(file, fresh);
    }
    this.#showTabs();
  }

  #replace(file: OpenFile, fresh: OpenFile): void {
    if (file.content.kind === 'text' && fresh.content.kind === 'text') {
      // As a change of the text, so that undo, the cursor and the scroll position are kept.
      const transaction = file.content.state.update({
        changes: { from: 0, to: file.content.state.doc.length, insert: fresh.content.state.doc },
      });
      file.content.saved = transaction.state.doc;
      if (file === this.#active && this.#view !== undefined) this.#view.dispatch(transaction);
      else file.content.state = transaction.state;
      return;
    }
    file.content = fresh.content;
    if (file === this.#active) this.#showActive();
  }

  #follow(from: string, to: string): void {
    for (const file of this.#files) file.path = moved(file.path, from, to);
    this.#showTabs();
    this.#tellActive();
  }
}

function sameText(a: OpenFile, b: OpenFile): boolean {
  return a.content.kind === 'text' && b.content.kind === 'text' && a.content.state.doc.eq(b.content.state.doc);
}

function emptyState(): HTMLElement {
  const keys: readonly (readonly [keys: string, what: string])[] = [
    [keyName('P'), 'go to a file'],
    [keyName('Shift F'), 'search in files'],
    [keyName('S'), 'save'],
    ['F2', 'rename'],
    [keyName('`'), 'terminal'],
  ];
  return el(
    'div',
    { class: 'empty-editor' },
    logo(),
    el('p', { text: 'Open a file from the tree.' }),
    el('dl', {}, ...keys.flatMap(([key, what]) => [el('dt', {}, el('kbd', { text: key })), el('dd', { text: what })])),
  );
}
