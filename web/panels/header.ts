/* The bar at the top: what this is, which workspace is open, and the looks. */

import { el, iconButton } from '../ui/element.ts';
import { icon, logo } from '../ui/icons.ts';
import { keyName } from '../ui/keys.ts';
import { type MenuGroups, openMenu } from '../ui/menu.ts';
import { askText } from '../ui/dialog.ts';
import { nextTheme, themeButtonIcon } from '../ui/appearance.ts';
import { showAbout } from './about.ts';
import { currentWorkspace, freshName, goTo, knownWorkspaces } from '../workspaces.ts';

export interface HeaderActions {
  /** What the menu of downloads has. */
  downloads(): MenuGroups;
  goToFile(): void;
  toggleInspector(): void;
}

export function header(actions: HeaderActions): HTMLElement {
  const theme = iconButton(icon(themeButtonIcon()), 'Light, dark, or as the system', () => {
    nextTheme();
    theme.replaceChildren(icon(themeButtonIcon()));
  });
  return el(
    'header',
    { class: 'top' },
    el('button', { class: 'brand', title: 'About stratafs', attrs: { type: 'button' }, on: { click: showAbout } }, logo(), 'stratafs'),
    el('span', { class: 'tagline', text: 'OverlayFS for the browser' }),
    el('span', { class: 'spring' }),
    el(
      'button',
      { class: 'go-to', attrs: { type: 'button' }, on: { click: () => actions.goToFile() } },
      icon('search'),
      el('span', { text: 'Go to file' }),
      el('kbd', { text: keyName('P') }),
    ),
    el('span', { class: 'spring' }),
    workspaceButton(),
    downloadButton(actions),
    theme,
    iconButton(icon('panel'), 'Changes, snapshots and layers', () => actions.toggleInspector()),
  );
}

function downloadButton(actions: HeaderActions): HTMLElement {
  const button = iconButton(icon('download'), 'Download', () => {
    const box = button.getBoundingClientRect();
    openMenu(box.left, box.bottom + 6, actions.downloads(), () => button.focus());
  });
  button.setAttribute('aria-haspopup', 'menu');
  return button;
}

function workspaceButton(): HTMLElement {
  const button = el(
    'button',
    { class: 'workspace', title: 'Workspaces of this browser', attrs: { type: 'button', 'aria-haspopup': 'menu' } },
    icon('layers'),
    el('span', { text: currentWorkspace() }),
  );
  button.addEventListener('click', () => {
    const box = button.getBoundingClientRect();
    const others = knownWorkspaces().filter((name) => name !== currentWorkspace());
    openMenu(
      box.left,
      box.bottom + 6,
      [others.map((name) => ({ label: name, run: () => goTo(name) })), [{ label: 'New workspace…', run: () => void newWorkspace() }]],
      () => button.focus(),
    );
  });
  return button;
}

async function newWorkspace(): Promise<void> {
  const name = await askText('New workspace', `Its name, for example ${freshName()}`, 'Create');
  if (name !== undefined) goTo(name);
}
