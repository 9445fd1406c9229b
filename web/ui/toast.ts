/* Short messages in the corner: what failed, and what can be undone. */

import { el, iconButton } from './element.ts';
import { icon } from './icons.ts';

export interface ToastOptions {
  readonly kind?: 'error' | 'note';
  /** Stands before the message: the POSIX code of an error. */
  readonly code?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Milliseconds that a message stays; errors stay longer because they are longer. */
const STAY = { note: 7000, error: 12_000 };

const stack = el('div', { class: 'toasts', attrs: { role: 'status', 'aria-live': 'polite' } });

/** Shows a message until it is closed or its time is over. Pointing at it keeps it. */
export function toast(message: string, options: ToastOptions = {}): void {
  const { kind = 'note', code, action } = options;
  if (!stack.isConnected) document.body.append(stack);
  const card = el('div', { class: `toast ${kind}`, attrs: kind === 'error' ? { role: 'alert' } : {} });
  let timer = 0;
  const close = (): void => {
    clearTimeout(timer);
    card.classList.add('leaving');
    setTimeout(() => card.remove(), 180);
  };
  const wait = (): void => {
    timer = window.setTimeout(close, STAY[kind]);
  };
  if (code !== undefined) card.append(el('code', { class: 'toast-code', text: code }));
  card.append(el('p', { text: message }));
  if (action !== undefined) {
    const run = (): void => {
      close();
      action.run();
    };
    card.append(el('button', { class: 'toast-action', text: action.label, attrs: { type: 'button' }, on: { click: run } }));
  }
  card.append(iconButton(icon('close'), 'Dismiss', close));
  card.addEventListener('pointerenter', () => clearTimeout(timer));
  card.addEventListener('pointerleave', wait);
  stack.append(card);
  wait();
}

/** Work that is told of while it lasts. */
export interface WorkToast {
  /** Fires when the user gives it up. */
  readonly signal: AbortSignal;
  /** @param done from 0 to 1 */
  update(done: number): void;
  close(): void;
}

/** Shows how far something has come, until it is closed. */
export function workToast(message: string): WorkToast {
  if (!stack.isConnected) document.body.append(stack);
  const stop = new AbortController();
  const bar = el('progress', { attrs: { max: '1', 'aria-label': message } });
  const cancel = el('button', { class: 'toast-action', text: 'Cancel', attrs: { type: 'button' }, on: { click: () => stop.abort() } });
  const card = el('div', { class: 'toast note' }, el('p', { text: message }), bar, cancel);
  stack.append(card);
  return { signal: stop.signal, update: (done) => (bar.value = done), close: () => card.remove() };
}
