/* The left pane: the tree with its tools, its context menu and its keyboard. */

import type { Entry } from 'stratafs';
import type { OpenIntent } from '../editor/pane.ts';
import type { Session } from '../session.ts';
import { el, iconButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { keyName } from '../ui/keys.ts';
import type { MenuGroups, MenuItem } from '../ui/menu.ts';
import { openMenu } from '../ui/menu.ts';
import { join, parentOf } from '../ui/paths.ts';
import { create, remove, rename, restoreEntry } from './actions.ts';
import { handleDrops } from './drag.ts';
import { handleTreeKeys } from './keys.ts';
import { TreeModel } from './model.ts';
import { TreeView } from './view.ts';

export class Explorer {
  readonly element: HTMLElement;
  readonly #session: Session;
  readonly #model: TreeModel;
  readonly #view: TreeView;
  readonly #openFile: (path: string, intent: OpenIntent) => void;

  constructor(session: Session, openFile: (path: string, intent: OpenIntent) => void, search: () => void) {
    this.#session = session;
    this.#openFile = openFile;
    this.#model = new TreeModel(session);
    this.#view = new TreeView(session, this.#model);
    this.element = el('nav', { class: 'explorer', attrs: { 'aria-label': 'Explorer' } }, this.#tools(search), this.#view.element);
    this.#view.named.on((name) => void this.#finishDraft(name));
    this.#listen();
  }

  async start(): Promise<void> {
    await this.#model.start();
  }

  /** Shows a path in the tree and selects it. */
  async reveal(path: string): Promise<void> {
    await this.#model.reveal(path);
    this.#view.select(path);
  }

  focus(): void {
    this.#view.focus();
  }

  #tools(search: () => void): HTMLElement {
    const deleted = iconButton(icon('eye'), 'Show deleted entries', () => {
      this.#model.setShowDeleted(!this.#model.showDeleted);
      deleted.setAttribute('aria-pressed', String(this.#model.showDeleted));
    });
    deleted.setAttribute('aria-pressed', 'true');
    return el(
      'header',
      { class: 'pane-header' },
      el('h2', { text: 'Files' }),
      el('span', { class: 'spring' }),
      iconButton(icon('search'), `Search in files (${keyName('Shift F')})`, search),
      iconButton(icon('file-plus'), 'New file', () => void this.#startCreate('file')),
      iconButton(icon('folder-plus'), 'New folder', () => void this.#startCreate('directory')),
      deleted,
      iconButton(icon('collapse'), 'Collapse all folders', () => this.#model.collapseAll()),
    );
  }

  #listen(): void {
    const { element } = this.#view;
    element.addEventListener('click', (event) => this.#click(event));
    element.addEventListener('dblclick', (event) => {
      const entry = this.#entryAt(event.target);
      if (entry?.type !== 'directory') this.#open(entry, 'edit');
    });
    element.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      const entry = this.#entryAt(event.target);
      this.#view.select(entry?.path);
      openMenu(event.clientX, event.clientY, this.#menuFor(entry), () => this.#view.focus());
    });
    handleDrops(element, this.#session, (path) => void this.reveal(path));
    handleTreeKeys(this.#view, this.#model, {
      open: () => this.#open(this.#view.selected, 'edit'),
      rename: () => this.#startRename(this.#view.selected),
      remove: () => void this.#remove(this.#view.selected),
      menu: () => this.#menuAtSelection(),
    });
  }

  #entryAt(target: EventTarget | null): Entry | undefined {
    const path = target instanceof Element ? target.closest<HTMLElement>('[data-path]')?.dataset.path : undefined;
    return path === undefined ? undefined : this.#model.entry(path);
  }

  #click(event: MouseEvent): void {
    const entry = this.#entryAt(event.target);
    if (event.target instanceof HTMLInputElement) return;
    if (entry === undefined) return this.#view.select(undefined);
    this.#view.select(entry.path);
    if (event.target instanceof Element && event.target.closest('[data-do=restore]') !== null) void this.#restore(entry);
    else this.#open(entry, 'look');
  }

  #open(entry: Entry | undefined, intent: OpenIntent): void {
    if (entry === undefined || entry.from === 'deleted') return;
    if (entry.type !== 'directory') return this.#openFile(entry.path, intent);
    if (this.#model.isExpanded(entry.path)) this.#model.collapse(entry.path);
    else void this.#model.expand(entry.path);
  }

  /** New entries go into the selected folder, or beside the selected file. */
  async #startCreate(type: 'file' | 'directory'): Promise<void> {
    const entry = this.#view.selected;
    const inside = entry?.type === 'directory' && entry.from !== 'deleted';
    const parent = entry === undefined ? '/' : inside ? entry.path : parentOf(entry.path);
    await this.#model.setDraft({ kind: 'create', parent, type });
  }

  #startRename(entry: Entry | undefined): void {
    if (entry === undefined || entry.from === 'deleted') return;
    void this.#model.setDraft({ kind: 'rename', entry });
  }

  async #finishDraft(name: string | undefined): Promise<void> {
    const { draft } = this.#model;
    await this.#model.setDraft(undefined);
    this.#view.focus();
    if (draft === undefined || name === undefined) return;
    if (draft.kind === 'rename') {
      const path = await rename(this.#session, draft.entry.path, join(parentOf(draft.entry.path), name));
      if (path !== undefined) this.#view.select(path);
      return;
    }
    const path = await create(this.#session, draft.parent, name, draft.type);
    if (path === undefined) return;
    await this.reveal(path);
    if (draft.type === 'file') this.#openFile(path, 'edit');
  }

  async #remove(entry: Entry | undefined): Promise<void> {
    if (entry === undefined || entry.from === 'deleted') return;
    await remove(this.#session, entry);
    this.#view.focus();
  }

  async #restore(entry: Entry): Promise<void> {
    await restoreEntry(this.#session, entry.path, entry.from === 'deleted' ? 'deleted' : 'changed');
    this.#view.focus();
  }

  #menuAtSelection(): void {
    const entry = this.#view.selected;
    const box = (entry === undefined ? undefined : this.#view.rowOf(entry.path))?.getBoundingClientRect();
    if (entry === undefined || box === undefined) return;
    openMenu(box.left + 40, box.bottom, this.#menuFor(entry), () => this.#view.focus());
  }

  #menuFor(entry: Entry | undefined): MenuGroups {
    const creating: MenuItem[] = [
      { label: 'New file…', run: () => void this.#startCreate('file') },
      { label: 'New folder…', run: () => void this.#startCreate('directory') },
    ];
    if (entry === undefined) return [creating];
    const copyPath: MenuItem = { label: 'Copy path', run: () => void navigator.clipboard.writeText(entry.path) };
    const restoring: MenuItem = {
      label: entry.from === 'deleted' ? 'Restore' : 'Restore the original',
      run: () => void this.#restore(entry),
    };
    if (entry.from === 'deleted') return [[restoring], [copyPath]];
    const opening: MenuItem[] = entry.type === 'directory' ? [] : [{ label: 'Open', keys: 'Enter', run: () => this.#open(entry, 'edit') }];
    return [
      [...opening, ...creating],
      [{ label: 'Rename…', keys: 'F2', run: () => this.#startRename(entry) }, copyPath],
      [
        ...(entry.from === 'copied-up' ? [restoring] : []),
        { label: 'Delete', keys: 'Del', dangerous: true, run: () => void this.#remove(entry) },
      ],
    ];
  }
}
