/* A context menu that the mouse and the keyboard can use. */

import { el } from './element.ts';

export interface MenuItem {
  readonly label: string;
  /** The key that does the same, shown at the right. */
  readonly keys?: string;
  readonly dangerous?: boolean;
  readonly run: () => void;
}

/** Groups of items, with a line between them. */
export type MenuGroups = readonly (readonly MenuItem[])[];

let current: { close: () => void } | undefined;

/** Opens a menu at a point of the window. `onClose` gives the focus back. */
export function openMenu(x: number, y: number, groups: MenuGroups, onClose?: () => void): void {
  current?.close();
  const menu = el('div', { class: 'menu', attrs: { role: 'menu', tabindex: '-1' } });
  const closing = new AbortController();
  const close = (): void => {
    if (closing.signal.aborted) return;
    closing.abort();
    menu.remove();
    current = undefined;
    onClose?.();
  };
  for (const group of groups.filter((items) => items.length > 0)) {
    if (menu.childElementCount > 0) menu.append(el('hr', { attrs: { role: 'separator' } }));
    for (const item of group) menu.append(itemElement(item, close));
  }
  menu.addEventListener('keydown', (event) => onKey(menu, event, close));
  const outside = (event: Event): void => {
    if (!(event.target instanceof Node) || !menu.contains(event.target)) close();
  };
  const { signal } = closing;
  document.addEventListener('pointerdown', outside, { capture: true, signal });
  window.addEventListener('blur', close, { signal });
  window.addEventListener('resize', close, { signal });
  document.body.append(menu);
  const box = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, innerWidth - box.width - 8))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - box.height - 8))}px`;
  menu.querySelector('button')?.focus();
  current = { close };
}

function itemElement(item: MenuItem, close: () => void): HTMLButtonElement {
  const run = (): void => {
    close();
    item.run();
  };
  return el(
    'button',
    {
      class: item.dangerous === true ? 'menu-item dangerous' : 'menu-item',
      attrs: { type: 'button', role: 'menuitem' },
      on: { click: run },
    },
    el('span', { text: item.label }),
    item.keys === undefined ? undefined : el('kbd', { text: item.keys }),
  );
}

function onKey(menu: HTMLElement, event: KeyboardEvent, close: () => void): void {
  const items = [...menu.querySelectorAll('button')];
  const at = items.findIndex((item) => item === document.activeElement);
  switch (event.key) {
    case 'ArrowDown':
      items[(at + 1) % items.length]?.focus();
      break;
    case 'ArrowUp':
      items[(at - 1 + items.length) % items.length]?.focus();
      break;
    case 'Home':
      items[0]?.focus();
      break;
    case 'End':
      items.at(-1)?.focus();
      break;
    case 'Escape':
    case 'Tab':
      close();
      break;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
