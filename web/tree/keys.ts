/* The keyboard in the tree, as the WAI-ARIA practices and file managers have it. */

import type { TreeModel } from './model.ts';
import type { TreeView } from './view.ts';
import { parentOf } from '../ui/paths.ts';

/** What keys ask for beyond moving about. */
export interface TreeCommands {
  open(): void;
  rename(): void;
  remove(): void;
  menu(): void;
}

/** Milliseconds between two letters of one name. */
const TYPING = 700;

export function handleTreeKeys(view: TreeView, model: TreeModel, commands: TreeCommands): void {
  let typed = '';
  let typedAt = 0;
  view.element.addEventListener('keydown', (event) => {
    if (event.target !== view.element) return;
    if (move(event, view, model) || command(event, commands)) {
      event.preventDefault();
      return;
    }
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    typed = event.timeStamp - typedAt > TYPING ? event.key : typed + event.key;
    typedAt = event.timeStamp;
    findTyped(view, model, typed.toLowerCase());
    event.preventDefault();
  });
}

function move(event: KeyboardEvent, view: TreeView, model: TreeModel): boolean {
  const at = view.selectedAt;
  switch (event.key) {
    case 'ArrowDown':
      view.selectAt(at + 1, 1);
      return true;
    case 'ArrowUp':
      view.selectAt(at < 0 ? model.rows.length - 1 : at - 1, -1);
      return true;
    case 'PageDown':
      view.selectAt(at + view.page, -1);
      return true;
    case 'PageUp':
      view.selectAt(Math.max(0, at - view.page), 1);
      return true;
    case 'Home':
      view.selectAt(0, 1);
      return true;
    case 'End':
      view.selectAt(model.rows.length - 1, -1);
      return true;
    case 'ArrowRight':
      stepIn(view, model);
      return true;
    case 'ArrowLeft':
      stepOut(view, model);
      return true;
    default:
      return false;
  }
}

function stepIn(view: TreeView, model: TreeModel): void {
  const row = model.rows[view.selectedAt];
  if (row?.kind !== 'entry' || row.expanded === undefined) return;
  if (row.expanded) view.selectAt(view.selectedAt + 1, 1);
  else void model.expand(row.entry.path);
}

function stepOut(view: TreeView, model: TreeModel): void {
  const row = model.rows[view.selectedAt];
  if (row?.kind !== 'entry') return;
  if (row.expanded === true) model.collapse(row.entry.path);
  else if (row.level > 1) view.select(parentOf(row.entry.path));
}

function command(event: KeyboardEvent, commands: TreeCommands): boolean {
  switch (event.key) {
    case 'Enter':
      commands.open();
      return true;
    case 'F2':
      commands.rename();
      return true;
    case 'Delete':
      commands.remove();
      return true;
    case 'Backspace':
      if (!event.metaKey) return false;
      commands.remove();
      return true;
    case 'ContextMenu':
      commands.menu();
      return true;
    case 'F10':
      if (!event.shiftKey) return false;
      commands.menu();
      return true;
    default:
      return false;
  }
}

function findTyped(view: TreeView, model: TreeModel, prefix: string): void {
  const { rows } = model;
  const start = Math.max(0, view.selectedAt) + (prefix.length === 1 ? 1 : 0);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[(start + i) % rows.length];
    if (row?.kind === 'entry' && row.entry.name.toLowerCase().startsWith(prefix)) return view.select(row.entry.path);
  }
}
