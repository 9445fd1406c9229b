/*
 * The tree as a list of which only the visible rows are in the document, so that a directory of thousands scrolls like one
 * of ten. The list has the focus; `aria-activedescendant` says which row is meant (WAI-ARIA, tree view pattern).
 */

import type { Change, Entry } from 'stratafs';
import type { Session } from '../session.ts';
import { renamedFrom } from '../session.ts';
import { el } from '../ui/element.ts';
import { ancestorsOf } from '../ui/paths.ts';
import { Signal } from '../ui/signal.ts';
import type { Row, TreeModel } from './model.ts';
import type { RowLooks } from './row.ts';
import { draftElement, rowElement, rowSignature } from './row.ts';

/** Height of a row in pixels; `--row` of the style sheet. */
const ROW = 26;
/** Rows kept above and below what can be seen. */
const MARGIN = 8;

interface Drawn {
  readonly element: HTMLElement;
  readonly signature: string;
}

export class TreeView {
  readonly element: HTMLElement;
  readonly selectionChanged = new Signal<Entry | undefined>();
  /** A name was typed into a draft row, or `undefined` when the user gave up. */
  readonly named = new Signal<string | undefined>();

  readonly #session: Session;
  readonly #model: TreeModel;
  readonly #list: HTMLElement;
  #drawn = new Map<string, Drawn>();
  #selected: string | undefined;
  #changes: ReadonlyMap<string, Change> = new Map();
  #changedBelow: ReadonlySet<string> = new Set();
  #scheduled = false;

  constructor(session: Session, model: TreeModel) {
    this.#session = session;
    this.#model = model;
    this.#list = el('div', { class: 'tree-rows', attrs: { role: 'presentation' } });
    this.element = el('div', { class: 'tree', attrs: { role: 'tree', tabindex: '0', 'aria-label': 'Files' } }, this.#list);
    this.element.addEventListener('scroll', () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(this.element);
    model.changed.on(() => {
      // A name is typed at once: waiting for the next frame would lose the first keys.
      if (model.draft === undefined) this.#schedule();
      else this.#draw();
    });
    session.changesRead.on(() => {
      this.#changes = new Map(session.changes.map((change) => [change.path, change]));
      this.#changedBelow = new Set(session.changes.flatMap((change) => ancestorsOf(change.path)));
      this.#schedule();
    });
  }

  get selected(): Entry | undefined {
    const row = this.#model.rows[this.selectedAt];
    return row?.kind === 'entry' ? row.entry : undefined;
  }

  /** Position of the selected row, -1 for none. */
  get selectedAt(): number {
    return this.#model.rows.findIndex((row) => row.kind === 'entry' && row.entry.path === this.#selected);
  }

  /** Rows that fit, for paging. */
  get page(): number {
    return Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
  }

  select(path: string | undefined): void {
    this.#selected = path;
    this.#scrollTo(this.selectedAt);
    this.#schedule();
    this.selectionChanged.emit(this.selected);
  }

  /** Selects the nearest entry row at or beyond `at`, looking in the direction of `step`. */
  selectAt(at: number, step: 1 | -1): void {
    const { rows } = this.#model;
    for (let i = Math.max(0, Math.min(at, rows.length - 1)); i >= 0 && i < rows.length; i += step) {
      const row = rows[i];
      if (row?.kind === 'entry') return this.select(row.entry.path);
    }
  }

  /** The row element of a path, where it can be seen. */
  rowOf(path: string): HTMLElement | undefined {
    return this.#drawn.get(path)?.element;
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  #scrollTo(at: number): void {
    if (at < 0) return;
    const { scrollTop, clientHeight } = this.element;
    if (at * ROW < scrollTop) this.element.scrollTop = at * ROW;
    else if ((at + 1) * ROW > scrollTop + clientHeight) this.element.scrollTop = (at + 1) * ROW - clientHeight;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { rows } = this.#model;
    const draftAt = rows.findIndex((row) => row.kind === 'draft');
    if (draftAt >= 0 && !this.#drawn.has(keyOf(rows[draftAt]!))) this.#scrollTo(draftAt);
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - MARGIN);
    const last = Math.min(rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW) + MARGIN);
    const before = this.#drawn;
    this.#drawn = new Map();
    for (const row of rows.slice(first, last)) {
      const key = keyOf(row);
      this.#drawn.set(key, this.#drawRow(row, before.get(key)));
    }
    this.#list.style.paddingTop = `${first * ROW}px`;
    this.#list.style.height = `${rows.length * ROW}px`;
    this.#place([...this.#drawn.values()].map((drawn) => drawn.element));
    const active = this.#selected === undefined ? undefined : this.#drawn.get(this.#selected)?.element;
    if (active === undefined) this.element.removeAttribute('aria-activedescendant');
    else this.element.setAttribute('aria-activedescendant', active.id);
  }

  #drawRow(row: Row, before: Drawn | undefined): Drawn {
    switch (row.kind) {
      case 'draft':
        return before ?? { element: draftElement(row.draft, row.level, (name) => this.named.emit(name)), signature: '' };
      case 'note':
        return (
          before ?? { element: el('div', { class: 'row note', text: row.text, attrs: { style: `--level: ${row.level}` } }), signature: '' }
        );
      case 'entry': {
        const looks = this.#looksOf(row.entry);
        const signature = rowSignature(row, looks);
        if (before?.signature === signature) return before;
        const element = rowElement(row, this.#session, looks);
        element.id = `row-${nextId++}`;
        return { element, signature };
      }
      default:
        return row satisfies never;
    }
  }

  /** A directory is copied up as soon as something in it is: that alone is no change of the directory. */
  #looksOf({ path, type, from }: Entry): RowLooks {
    const change = this.#changes.get(path);
    const untouched = type === 'directory' && from === 'copied-up' && change === undefined;
    return {
      selected: path === this.#selected,
      from: untouched ? 'lower' : from,
      renamedFrom: change && renamedFrom(change),
      changedBelow: this.#changedBelow.has(path),
    };
  }

  /** Puts the elements in order without moving those that stand right: moving would take the focus from an input. */
  #place(elements: readonly HTMLElement[]): void {
    const wanted = new Set<Element>(elements);
    for (const child of Array.from(this.#list.children)) if (!wanted.has(child)) child.remove();
    let at = this.#list.firstElementChild;
    for (const element of elements) {
      if (element === at) at = at.nextElementSibling;
      else this.#list.insertBefore(element, at);
    }
  }
}

let nextId = 1;

/** Draft rows and notes have keys that no path can have. */
function keyOf(row: Row): string {
  switch (row.kind) {
    case 'entry':
      return row.entry.path;
    case 'note':
      return `note ${row.path}`;
    case 'draft':
      return row.draft.kind === 'create' ? `create ${row.draft.type} ${row.draft.parent}` : `rename ${row.draft.entry.path}`;
    default:
      return row satisfies never;
  }
}
