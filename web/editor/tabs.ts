/* The row of open files above the editor. */

import { el, iconButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { extensionOf, nameOf, parentOf } from '../ui/paths.ts';

export interface Tab {
  readonly path: string;
  readonly dirty: boolean;
  readonly gone: boolean;
}

export class Tabs {
  readonly element = el('div', { class: 'tabs', attrs: { role: 'tablist', 'aria-label': 'Open files' } });
  readonly #select: (path: string) => void;
  readonly #close: (path: string) => void;

  constructor(select: (path: string) => void, close: (path: string) => void) {
    this.#select = select;
    this.#close = close;
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
    // A wheel that only turns up and down scrolls the tabs.
    this.element.addEventListener('wheel', (event) => (this.element.scrollLeft += event.deltaY), { passive: true });
  }

  show(tabs: readonly Tab[], active: string | undefined): void {
    const focused = this.element.contains(document.activeElement);
    const names = tabs.map((tab) => nameOf(tab.path));
    this.element.replaceChildren(
      ...tabs.map((tab) => {
        const ambiguous = names.filter((name) => name === nameOf(tab.path)).length > 1;
        return this.#tabElement(tab, tab.path === active, ambiguous);
      }),
    );
    const current = this.element.querySelector<HTMLElement>('[aria-selected=true]');
    current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (focused) current?.focus();
  }

  #tabElement({ path, dirty, gone }: Tab, active: boolean, ambiguous: boolean): HTMLElement {
    const close = iconButton(icon('close'), `Close ${nameOf(path)}`, (event) => {
      event.stopPropagation();
      this.#close(path);
    });
    close.tabIndex = -1;
    const tab = el(
      'div',
      {
        class: `tab${dirty ? ' dirty' : ''}${gone ? ' gone' : ''}`,
        title: `${path}${dirty ? '\nnot saved' : ''}${gone ? '\ndeleted; saving makes it again' : ''}`,
        attrs: {
          role: 'tab',
          tabindex: active ? '0' : '-1',
          'aria-selected': String(active),
          'data-path': path,
          'data-extension': extensionOf(path),
        },
        on: { click: () => this.#select(path) },
      },
      icon('file'),
      el('span', { class: 'name', text: nameOf(path) }),
      ambiguous ? el('span', { class: 'where', text: nameOf(parentOf(path)) || '/' }) : undefined,
      el('span', { class: 'dirty-dot', attrs: dirty ? { role: 'img', 'aria-label': 'not saved' } : {} }),
      close,
    );
    tab.addEventListener('auxclick', (event) => {
      if (event.button === 1) this.#close(path);
    });
    return tab;
  }

  #onKey(event: KeyboardEvent): void {
    const tabs = [...this.element.querySelectorAll<HTMLElement>('[role=tab]')];
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    const path = tabs[at]?.dataset.path;
    if (path === undefined) return;
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = tabs[(at + step + tabs.length) % tabs.length]?.dataset.path;
    if (step !== 0 && next !== undefined) this.#select(next);
    else if (event.key === 'Delete') this.#close(path);
    else return;
    event.preventDefault();
  }
}
