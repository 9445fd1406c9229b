/* A line between two panes that can be dragged, or moved with the arrow keys. It sets a custom property and remembers it. */

import { el } from './element.ts';
import { recall, remember } from './memory.ts';

export interface SplitterOptions {
  /** Custom property of the root element that holds the size, in pixels. */
  readonly property: string;
  readonly label: string;
  /** The edge of the window that the pane stands at. */
  readonly edge: 'left' | 'right' | 'bottom';
  readonly initial: number;
  readonly min: number;
  readonly max: () => number;
}

const STEP = 24;

export function splitter(options: SplitterOptions): HTMLElement {
  const { property, label, edge } = options;
  const bar = el('div', {
    class: `splitter at-${edge}`,
    attrs: { role: 'separator', tabindex: '0', 'aria-label': label, 'aria-orientation': edge === 'bottom' ? 'horizontal' : 'vertical' },
  });
  let size = Number(recall(property) ?? options.initial);
  const set = (wanted: number): void => {
    size = Math.round(Math.max(options.min, Math.min(wanted, options.max())));
    document.documentElement.style.setProperty(property, `${size}px`);
    bar.setAttribute('aria-valuenow', String(size));
  };
  const keep = (): void => remember(property, String(size));

  bar.addEventListener('pointerdown', (down) => {
    bar.setPointerCapture(down.pointerId);
    const start = edge === 'bottom' ? down.clientY : down.clientX;
    const before = size;
    const direction = edge === 'left' ? 1 : -1;
    const move = (event: PointerEvent): void => set(before + direction * ((edge === 'bottom' ? event.clientY : event.clientX) - start));
    bar.addEventListener('pointermove', move);
    bar.addEventListener('lostpointercapture', () => (bar.removeEventListener('pointermove', move), keep()), { once: true });
  });
  bar.addEventListener('keydown', (event) => {
    const grow = edge === 'left' ? 'ArrowRight' : edge === 'right' ? 'ArrowLeft' : 'ArrowUp';
    const shrink = edge === 'left' ? 'ArrowLeft' : edge === 'right' ? 'ArrowRight' : 'ArrowDown';
    if (event.key !== grow && event.key !== shrink) return;
    event.preventDefault();
    set(size + (event.key === grow ? STEP : -STEP));
    keep();
  });
  set(size);
  return bar;
}
