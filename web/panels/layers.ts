/* The Layers panel: the stack as it is mounted, the upper on top. */

import type { LayerSummary } from 'stratafs';
import type { Session } from '../session.ts';
import { archiveName } from '../session.ts';
import { el } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { count } from '../ui/words.ts';

/** Digits of a digest that tell two archives apart. */
const DIGITS = 12;

export function layersPanel(session: Session): HTMLElement {
  const changes = el('span');
  const draw = (): void => {
    changes.textContent = session.changes.length === 0 ? 'no changes' : count(session.changes.length, 'change');
  };
  session.changesRead.on(draw);
  draw();
  const stack = el('ol', { class: 'stack' }, upperCard(session, changes), ...session.layers.map(lowerCard));
  return el(
    'div',
    { class: 'panel layers' },
    stack,
    el('p', {
      class: 'dim explain',
      text: 'A name is looked up from top to bottom. Only the upper layer is ever written; archives are fetched as they are read.',
    }),
  );
}

function upperCard(session: Session, changes: HTMLElement): HTMLElement {
  const { name } = session.ws;
  return el(
    'li',
    { class: 'layer upper' },
    el(
      'div',
      { class: 'layer-head' },
      el('span', { class: 'layer-name', text: name ?? 'in memory' }),
      el('span', { class: 'layer-kind', text: 'upper' }),
    ),
    el('p', { class: 'layer-facts' }, changes, name === undefined ? ' · lost when the page is left' : ' · in IndexedDB'),
  );
}

function lowerCard(layer: LayerSummary): HTMLElement {
  const { name, entries, at, digest, warnings } = layer;
  const card = el(
    'li',
    { class: 'layer' },
    el(
      'div',
      { class: 'layer-head' },
      el('span', { class: 'layer-name', text: archiveName(layer), title: name }),
      el('span', { class: 'layer-kind', text: 'lower' }),
    ),
    el('p', { class: 'layer-facts' }, `${count(entries, 'entry', 'entries')} at `, el('code', { text: at })),
    el('p', { class: 'layer-digest', title: digest, text: shorten(digest) }),
  );
  if (warnings.length > 0) {
    card.append(
      el(
        'details',
        { class: 'layer-warnings' },
        el('summary', {}, icon('warning'), count(warnings.length, 'warning')),
        el('ul', {}, ...warnings.map(({ entry, message }) => el('li', {}, el('code', { text: entry }), ` ${message}`))),
      ),
    );
  }
  return card;
}

/** `sha256-…` or `sha256:…` to its first digits. */
function shorten(digest: string): string {
  const at = digest.search(/[-:]/);
  return at > 0 && at < 12 ? `${digest.slice(0, at)} ${digest.slice(at + 1, at + 1 + DIGITS)}…` : `${digest.slice(0, DIGITS)}…`;
}
