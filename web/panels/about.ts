/* What this is made of, and under which licences: the LGPL of ZenFS asks an application to say so. */

import { el, textButton } from '../ui/element.ts';
import { logo } from '../ui/icons.ts';

interface Library {
  readonly name: string;
  readonly href: string;
  readonly licence: string;
  readonly holder: string;
}

const LGPL = 'https://www.gnu.org/licenses/lgpl-3.0.html';
const COPYING = 'https://github.com/zen-fs/core/blob/main/COPYING.md';

const LGPL_LIBRARIES: readonly Library[] = [
  { name: 'ZenFS', href: 'https://github.com/zen-fs/core', licence: 'LGPL', holder: 'James Prevett and other ZenFS contributors' },
  {
    name: 'ZenFS streams',
    href: 'https://github.com/zen-fs/streams',
    licence: 'LGPL',
    holder: 'James Prevett and other ZenFS contributors',
  },
  { name: 'utilium', href: 'https://github.com/james-pre/utilium', licence: 'LGPL', holder: 'James Prevett and contributors' },
  { name: 'memium', href: 'https://github.com/james-pre/memium', licence: 'LGPL', holder: 'James Prevett and contributors' },
];

const LIBRARIES: readonly Library[] = [
  { name: 'CodeMirror', href: 'https://codemirror.net', licence: 'MIT', holder: 'Marijn Haverbeke and others' },
  { name: 'kerium', href: 'https://github.com/james-pre/kerium', licence: 'MIT', holder: 'James Prevett and contributors' },
  { name: 'buffer', href: 'https://github.com/feross/buffer', licence: 'MIT', holder: 'Feross Aboukhadijeh and contributors' },
  { name: 'eventemitter3', href: 'https://github.com/primus/eventemitter3', licence: 'MIT', holder: 'Arnout Kazemier' },
  { name: 'fflate', href: 'https://github.com/101arrowz/fflate', licence: 'MIT', holder: 'Arjun Barrett' },
  { name: 'comlink', href: 'https://github.com/GoogleChromeLabs/comlink', licence: 'Apache 2.0', holder: 'Google LLC' },
  { name: 'idb-keyval', href: 'https://github.com/jakearchibald/idb-keyval', licence: 'Apache 2.0', holder: 'Jake Archibald' },
];

export function showAbout(): void {
  const dialog = el('dialog', { class: 'dialog about', attrs: { 'aria-label': 'About stratafs' } });
  dialog.append(
    el(
      'div',
      { class: 'about-head' },
      logo(),
      el('div', {}, el('h2', { text: 'stratafs' }), el('p', { text: 'OverlayFS for the browser' })),
    ),
    el('p', {
      text: 'One file system made of layers: archives on a server, which never change and are fetched as they are read, and on top of them your changes, kept in this browser. MIT licence.',
    }),
    el('h3', { text: 'This page also uses' }),
    el('ul', {}, ...LGPL_LIBRARIES.map(lgplItem), ...LIBRARIES.map(item)),
    el(
      'div',
      { class: 'dialog-buttons' },
      textButton('Close', 'plain', () => dialog.close()),
    ),
  );
  dialog.addEventListener('pointerdown', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function item({ name, href, licence, holder }: Library): HTMLElement {
  return el('li', {}, link(name, href), `, ${licence}, © ${holder}`);
}

function lgplItem({ name, href, holder }: Library): HTMLElement {
  const more = name.startsWith('ZenFS') ? [' and ', link('COPYING.md', COPYING)] : [];
  return el('li', {}, link(name, href), ', ', link('LGPL 3.0 or later', LGPL), ...more, `, © ${holder}`);
}

function link(text: string, href: string): HTMLAnchorElement {
  return el('a', { text, attrs: { href, target: '_blank', rel: 'noreferrer' } });
}
