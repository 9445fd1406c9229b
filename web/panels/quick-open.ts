/* Ctrl P: goes to a file of the merged tree by a few letters of its path. */

import type { Session } from '../session.ts';
import { showError } from '../session.ts';
import { el } from '../ui/element.ts';
import { nameOf, parentOf } from '../ui/paths.ts';

/** Results that are shown. */
const SHOWN = 12;

/** Asks for a file. Resolves to its path, or to `undefined` when the user gave up. */
export async function quickOpen(session: Session): Promise<string | undefined> {
  const paths = await allFiles(session);
  return new Promise((resolve) => {
    const dialog = el('dialog', { class: 'quick-open', attrs: { 'aria-label': 'Go to file' } });
    const list = el('ul', { attrs: { role: 'listbox', id: 'quick-results' } });
    const input = el('input', {
      attrs: {
        role: 'combobox',
        'aria-expanded': 'true',
        'aria-controls': 'quick-results',
        placeholder: `Go to one of ${paths.length.toLocaleString('en')} files`,
        spellcheck: 'false',
      },
    });
    let found: string[] = [];
    let at = 0;
    let chosen: string | undefined;
    const choose = (path: string | undefined): void => {
      chosen = path;
      dialog.close();
    };
    const draw = (): void => {
      list.replaceChildren(...found.map((path, i) => resultElement(path, i === at, () => choose(path))));
    };
    const search = (): void => {
      found = bestMatches(paths, input.value);
      at = 0;
      draw();
    };
    input.addEventListener('input', search);
    input.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
      if (step !== 0 && found.length > 0) at = (at + step + found.length) % found.length;
      else if (event.key === 'Enter') return choose(found[at]);
      else return;
      event.preventDefault();
      draw();
    });
    dialog.addEventListener('pointerdown', (event) => event.target === dialog && dialog.close());
    dialog.addEventListener('close', () => (dialog.remove(), resolve(chosen)));
    dialog.append(input, list);
    document.body.append(dialog);
    dialog.showModal();
    search();
  });
}

/** Every file of the merged tree: one round trip. */
async function allFiles(session: Session): Promise<string[]> {
  try {
    const entries = await session.ws.fs.readdir('/', { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => (entry.parentPath === '/' ? `/${entry.name}` : `${entry.parentPath}/${entry.name}`));
  } catch (error) {
    showError(error);
    return [];
  }
}

function resultElement(path: string, selected: boolean, choose: () => void): HTMLElement {
  return el(
    'li',
    { attrs: { role: 'option', 'aria-selected': String(selected) }, on: { click: choose } },
    el('span', { class: 'name', text: nameOf(path) }),
    el('span', { class: 'where', text: parentOf(path) }),
  );
}

/** The letters must come in order. Matches in the name, at the start of words, in short paths and outside node_modules go first. */
export function bestMatches(paths: readonly string[], typed: string): string[] {
  const letters = typed.toLowerCase().replaceAll(/\s+/g, '');
  const scored: { path: string; score: number }[] = [];
  for (const path of paths) {
    const score = scoreOf(path.toLowerCase(), letters);
    if (score !== undefined) scored.push({ path, score });
  }
  return scored
    .sort((a, b) => b.score - a.score || a.path.length - b.path.length || (a.path < b.path ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ path }) => path);
}

function scoreOf(path: string, letters: string): number | undefined {
  const own = path.startsWith('/node_modules/') ? 0 : 40;
  const name = nameOf(path);
  const whole = name.indexOf(letters);
  if (whole >= 0) return own + 100 - whole - (name.length - letters.length);
  if (path.includes(letters)) return own + 80 - path.length / 10;
  let at = -1;
  let score = own;
  for (const letter of letters) {
    const next = path.indexOf(letter, at + 1);
    if (next < 0) return undefined;
    if (next === at + 1) score += 4;
    if ('/.-_'.includes(path[next - 1] ?? '')) score += 3;
    at = next;
  }
  return score - path.length / 10;
}
