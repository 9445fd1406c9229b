/* The right pane: Changes, Snapshots and Layers behind three tabs. */

import type { EditorPane } from '../editor/pane.ts';
import type { Session } from '../session.ts';
import { el } from '../ui/element.ts';
import { changesPanel } from './changes.ts';
import { layersPanel } from './layers.ts';
import { SnapshotsPanel } from './snapshots.ts';

const NAMES = ['changes', 'snapshots', 'layers'] as const;
export type PanelName = (typeof NAMES)[number];

export class Inspector {
  readonly element: HTMLElement;
  readonly #tabs: Readonly<Record<PanelName, HTMLElement>>;
  readonly #panels: Readonly<Record<PanelName, HTMLElement>>;

  readonly #snapshots: SnapshotsPanel;

  constructor(session: Session, editor: EditorPane, show: (path: string) => void) {
    const badge = el('span', { class: 'badge' });
    session.changesRead.on(() => {
      badge.textContent = session.changes.length === 0 ? '' : String(session.changes.length);
    });
    this.#snapshots = new SnapshotsPanel(session, editor);
    this.#panels = { changes: changesPanel(session, show), snapshots: this.#snapshots.element, layers: layersPanel(session) };
    this.#tabs = {
      changes: this.#tab('changes', 'Changes', badge),
      snapshots: this.#tab('snapshots', 'Snapshots'),
      layers: this.#tab('layers', 'Layers'),
    };
    for (const name of NAMES) {
      this.#panels[name].id = `panel-${name}`;
      this.#panels[name].setAttribute('role', 'tabpanel');
      this.#tabs[name].setAttribute('aria-controls', `panel-${name}`);
    }
    const bar = el('div', { class: 'pane-header panel-tabs', attrs: { role: 'tablist' } }, ...NAMES.map((name) => this.#tabs[name]));
    const panels = NAMES.map((name) => this.#panels[name]);
    this.element = el('aside', { class: 'inspector', attrs: { 'aria-label': 'Changes, snapshots and layers' } }, bar, ...panels);
    this.show('changes');
  }

  show(shown: PanelName): void {
    if (shown === 'snapshots') void this.#snapshots.draw();
    for (const name of NAMES) {
      this.#panels[name].hidden = name !== shown;
      this.#tabs[name].setAttribute('aria-selected', String(name === shown));
      this.#tabs[name].tabIndex = name === shown ? 0 : -1;
    }
  }

  #tab(name: PanelName, label: string, badge?: HTMLElement): HTMLElement {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
      const step = event.key === 'ArrowRight' ? 1 : NAMES.length - 1;
      const other = NAMES[(NAMES.indexOf(name) + step) % NAMES.length]!;
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
