/* Makes DOM elements in one expression. */

type Listeners = { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

export interface ElementOptions {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly on?: Listeners;
}

export type Child = Node | string | undefined;

/**
 * An element with its attributes, listeners and children.
 *
 * @example
 * el('button', { class: 'primary', on: { click: save } }, 'Save');
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: ElementOptions = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (options.class !== undefined) element.className = options.class;
  if (options.text !== undefined) element.textContent = options.text;
  if (options.title !== undefined) element.title = options.title;
  for (const [name, value] of Object.entries(options.attrs ?? {})) element.setAttribute(name, value);
  for (const [type, listener] of Object.entries(options.on ?? {})) element.addEventListener(type, listener as EventListener);
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

/** A button with an icon and a name for who cannot see it. */
export function iconButton(icon: Node, label: string, onClick: (event: MouseEvent) => void): HTMLButtonElement {
  return el('button', { class: 'icon-button', title: label, attrs: { type: 'button', 'aria-label': label }, on: { click: onClick } }, icon);
}

/** A button with words. */
export function textButton(label: string, style: 'primary' | 'plain' | 'danger' | 'quiet', onClick: () => void): HTMLButtonElement {
  return el('button', { class: `button ${style}`, text: label, attrs: { type: 'button' }, on: { click: onClick } });
}
