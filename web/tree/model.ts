/*
 * What the tree shows, as a list of rows: the directories that were expanded, loaded when they are, one round trip each.
 * It knows nothing of the DOM.
 */

import type { Entry } from 'stratafs';
import type { Session } from '../session.ts';
import { showError } from '../session.ts';
import { recallList, remember } from '../ui/memory.ts';
import { ancestorsOf, isWithin, moved, parentOf } from '../ui/paths.ts';
import { Signal } from '../ui/signal.ts';
import { isFsError } from 'stratafs';

/** A name that is being typed: of a new entry, or of one that is renamed. */
export type Draft =
  | { readonly kind: 'create'; readonly parent: string; readonly type: 'file' | 'directory' }
  | { readonly kind: 'rename'; readonly entry: Entry };

export type Row =
  | {
      readonly kind: 'entry';
      readonly entry: Entry;
      readonly level: number;
      /** Counted from 1 among `setSize` siblings. */
      readonly position: number;
      readonly setSize: number;
      /** `undefined` for what cannot be expanded. */
      readonly expanded: boolean | undefined;
    }
  | { readonly kind: 'draft'; readonly level: number; readonly draft: Draft }
  | { readonly kind: 'note'; readonly level: number; readonly path: string; readonly text: string };

const EXPANDED = 'expanded';
const FIRST_VISIT = ['/src'];

export class TreeModel {
  readonly changed = new Signal<void>();
  draft: Draft | undefined;
  showDeleted = true;

  readonly #session: Session;
  readonly #directories = new Map<string, readonly Entry[]>();
  readonly #expanded: Set<string>;
  #rows: readonly Row[] | undefined;

  constructor(session: Session) {
    this.#session = session;
    const remembered = recallList(this.#memoryKey);
    this.#expanded = new Set(['/', ...(remembered.length > 0 ? remembered : FIRST_VISIT)]);
    session.touched.on((paths) => void this.#reload(paths));
    session.renamed.on(({ from, to }) => this.#follow(from, to));
  }

  get #memoryKey(): string {
    return `${EXPANDED}:${this.#session.ws.name ?? ''}`;
  }

  /** Loads what was expanded when the page was left. */
  async start(): Promise<void> {
    const paths = [...this.#expanded].sort((a, b) => a.length - b.length);
    await Promise.all(paths.map((path) => this.#load(path)));
    this.#update();
  }

  get rows(): readonly Row[] {
    this.#rows ??= this.#flatten();
    return this.#rows;
  }

  entry(path: string): Entry | undefined {
    return this.#directories.get(parentOf(path))?.find((entry) => entry.path === path);
  }

  isExpanded(path: string): boolean {
    return this.#expanded.has(path);
  }

  async expand(path: string): Promise<void> {
    if (this.#expanded.has(path)) return;
    this.#expanded.add(path);
    this.#keep();
    if (!this.#directories.has(path)) await this.#load(path);
    this.#update();
  }

  collapse(path: string): void {
    this.#expanded.delete(path);
    this.#keep();
    this.#update();
  }

  collapseAll(): void {
    this.#expanded.clear();
    this.#expanded.add('/');
    this.#keep();
    this.#update();
  }

  /** Expands every directory that `path` stands in. */
  async reveal(path: string): Promise<void> {
    for (const directory of ancestorsOf(path)) await this.expand(directory);
  }

  setShowDeleted(show: boolean): void {
    this.showDeleted = show;
    this.#update();
  }

  async setDraft(draft: Draft | undefined): Promise<void> {
    this.draft = draft;
    if (draft?.kind === 'create') await this.expand(draft.parent);
    this.#update();
  }

  #keep(): void {
    remember(this.#memoryKey, JSON.stringify([...this.#expanded].filter((path) => path !== '/')));
  }

  #update(): void {
    this.#rows = undefined;
    this.changed.emit();
  }

  /** Loads a directory; one that is gone is forgotten with all that was below it. */
  async #load(path: string): Promise<void> {
    try {
      const entries = await this.#session.ws.entries(path);
      this.#directories.set(path, [...entries].sort(byTypeAndName));
    } catch (error) {
      if (!isFsError(error, 'ENOENT') && !isFsError(error, 'ENOTDIR')) showError(error);
      for (const known of this.#directories.keys()) if (isWithin(known, path)) this.#directories.delete(known);
      for (const known of this.#expanded) if (isWithin(known, path) && known !== '/') this.#expanded.delete(known);
    }
  }

  async #reload(paths: readonly string[]): Promise<void> {
    const stale = new Set<string>();
    for (const path of paths) {
      for (const directory of [parentOf(path), path]) if (this.#directories.has(directory)) stale.add(directory);
      // What was reset or replaced may have changed below as well.
      for (const known of this.#directories.keys()) if (isWithin(known, path)) stale.add(known);
    }
    await Promise.all([...stale].map((path) => this.#load(path)));
    this.#update();
  }

  #follow(from: string, to: string): void {
    for (const path of this.#expanded) {
      if (!isWithin(path, from)) continue;
      this.#expanded.delete(path);
      this.#expanded.add(moved(path, from, to));
    }
    for (const path of this.#directories.keys()) if (isWithin(path, from)) this.#directories.delete(path);
    this.#keep();
    void Promise.all([...this.#expanded].filter((path) => isWithin(path, to)).map((path) => this.#load(path))).then(() => this.#update());
  }

  #flatten(): Row[] {
    const rows: Row[] = [];
    this.#flattenDirectory('/', 1, rows);
    return rows;
  }

  #flattenDirectory(path: string, level: number, rows: Row[]): void {
    const { draft } = this;
    if (draft?.kind === 'create' && draft.parent === path) rows.push({ kind: 'draft', level, draft });
    const loaded = this.#directories.get(path);
    if (loaded === undefined) return;
    const shown = this.showDeleted ? loaded : loaded.filter((entry) => entry.from !== 'deleted');
    if (shown.length === 0 && draft === undefined) rows.push({ kind: 'note', level, path, text: 'empty' });
    shown.forEach((entry, i) => {
      const expandable = entry.type === 'directory' && entry.from !== 'deleted';
      const expanded = expandable ? this.#expanded.has(entry.path) : undefined;
      if (draft?.kind === 'rename' && draft.entry.path === entry.path) rows.push({ kind: 'draft', level, draft });
      else rows.push({ kind: 'entry', entry, level, position: i + 1, setSize: shown.length, expanded });
      if (expanded === true) this.#flattenDirectory(entry.path, level + 1, rows);
    });
  }
}

/** Directories first; names as people order them, `file2` before `file10`. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function byTypeAndName(a: Entry, b: Entry): number {
  const directories = Number(b.type === 'directory') - Number(a.type === 'directory');
  if (directories !== 0) return directories;
  return collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1);
}
