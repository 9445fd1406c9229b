/* The right pane: Changes and Layers behind two tabs. */

import type { Session } from '../session.ts';
import { el } from '../ui/element.ts';
import { changesPanel } from './changes.ts';
import { layersPanel } from './layers.ts';

export type PanelName = 'changes' | 'layers';

export class Inspector {
  readonly element: HTMLElement;
  readonly #tabs: Readonly<Record<PanelName, HTMLElement>>;
  readonly #panels: Readonly<Record<PanelName, HTMLElement>>;

  constructor(session: Session, show: (path: string) => void) {
    const badge = el('span', { class: 'badge' });
    session.changesRead.on(() => {
      badge.textContent = session.changes.length === 0 ? '' : String(session.changes.length);
    });
    this.#panels = { changes: changesPanel(session, show), layers: layersPanel(session) };
    this.#tabs = { changes: this.#tab('changes', 'Changes', badge), layers: this.#tab('layers', 'Layers') };
    for (const name of ['changes', 'layers'] as const) {
      this.#panels[name].id = `panel-${name}`;
      this.#panels[name].setAttribute('role', 'tabpanel');
      this.#tabs[name].setAttribute('aria-controls', `panel-${name}`);
    }
    const bar = el('div', { class: 'pane-header panel-tabs', attrs: { role: 'tablist' } }, this.#tabs.changes, this.#tabs.layers);
    this.element = el(
      'aside',
      { class: 'inspector', attrs: { 'aria-label': 'Changes and layers' } },
      bar,
      this.#panels.changes,
      this.#panels.layers,
    );
    this.show('changes');
  }

  show(shown: PanelName): void {
    for (const name of ['changes', 'layers'] as const) {
      this.#panels[name].hidden = name !== shown;
      this.#tabs[name].setAttribute('aria-selected', String(name === shown));
      this.#tabs[name].tabIndex = name === shown ? 0 : -1;
    }
  }

  #tab(name: PanelName, label: string, badge?: HTMLElement): HTMLElement {
    const other: PanelName = name === 'changes' ? 'layers' : 'changes';
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
      this.show(other);
      this.#tabs[other].focus();
    };
    return el(
      'button',
      { class: 'panel-tab', attrs: { type: 'button', role: 'tab' }, on: { click: () => this.show(name), keydown: onKey } },
      label,
      badge,
    );
  }
}
