/* Opens the workspace: progress while the archives' tables are fetched, and a way on when it fails. */

import { isFsError, open } from 'stratafs';
import type { Progress } from 'stratafs';
import { connectCompanion } from './companion.ts';
import type { RemoteCompanion } from './companion.ts';
import { lowersOfDemo } from './layers.ts';
import { Session, describeError } from './session.ts';
import { el, textButton } from './ui/element.ts';
import { logo } from './ui/icons.ts';
import { toast } from './ui/toast.ts';
import { bytes } from './ui/words.ts';
import { currentWorkspace, freshName, goTo } from './workspaces.ts';

export interface Opened {
  readonly session: Session;
  readonly companion: RemoteCompanion;
}

/** Where the upper is: under a name in this browser, or in memory. */
type Place = { readonly name: string; readonly lost?: 'anew' } | { readonly inMemory: true };

/** Shows the start screen in `host` and resolves when a workspace is open, after as many attempts as the user makes. */
export async function boot(host: HTMLElement): Promise<Opened> {
  let place: Place = { name: currentWorkspace() };
  for (;;) {
    const onProgress = showProgress(host);
    try {
      return await attempt(place, onProgress);
    } catch (error) {
      place = await showFailure(host, error, place);
    }
  }
}

async function attempt(place: Place, onProgress: (progress: Progress) => void): Promise<Opened> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'stratafs' });
  try {
    const companion = connectCompanion(worker);
    const ws = await open({ ...('name' in place ? place : {}), lower: await lowersOfDemo(), worker, onProgress });
    await companion.use(ws.port());
    if (ws.restored?.what === 'everything') toast('The browser had lost what was saved here. It was rebuilt from the second copy.');
    return { session: new Session(ws), companion };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** Shows the bar and gives what moves it. */
function showProgress(host: HTMLElement): (progress: Progress) => void {
  const loaded = new Map<string, number>();
  const bar = el('progress', { attrs: { 'aria-label': 'Opening the workspace' } });
  const note = el('p', { class: 'start-note', text: 'Reading the tables of contents…' });
  host.replaceChildren(startCard(bar, note));
  return (progress) => {
    loaded.set(progress.url, progress.loaded);
    const sum = [...loaded.values()].reduce((total, part) => total + part, 0);
    note.textContent = `Reading the tables of contents… ${bytes(sum)}`;
  };
}

function startCard(...children: readonly Node[]): HTMLElement {
  return el(
    'main',
    { class: 'start' },
    el(
      'div',
      { class: 'start-card' },
      logo(),
      el('h1', { text: 'stratafs' }),
      el('p', { class: 'tagline', text: 'OverlayFS for the browser' }),
      ...children,
    ),
  );
}

/** Resolves to the place that the user wants to try next. */
function showFailure(host: HTMLElement, error: unknown, place: Place): Promise<Place> {
  const { code, message } = describeError(error);
  return new Promise((resolve) => {
    const buttons = el(
      'div',
      { class: 'start-buttons' },
      textButton('Try again', 'primary', () => resolve(place)),
    );
    if ('name' in place && isLost(error)) buttons.append(textButton('Start anew', 'plain', () => resolve({ ...place, lost: 'anew' })));
    if (code === 'ESTALE') buttons.append(textButton('Start a new workspace', 'plain', () => goTo(freshName())));
    if ('name' in place) buttons.append(textButton('Open without saving', 'plain', () => resolve({ inMemory: true })));
    const card = el(
      'div',
      { class: 'failure', attrs: { role: 'alert' } },
      el('h2', { text: isLost(error) ? 'The browser has lost this workspace' : headline(code) }),
      el('p', { class: 'failure-advice', text: isLost(error) ? LOST : advice(code) }),
      el('p', { class: 'failure-text' }, code === undefined ? undefined : el('code', { text: code }), ` ${message}`),
      buttons,
    );
    host.replaceChildren(startCard(card));
    buttons.querySelector('button')?.focus();
  });
}

const LOST = 'It has deleted the database, and there is no second copy to rebuild it from. Starting anew leaves the archives as they are.';

/** The database is gone and could not be rebuilt. */
function isLost(error: unknown): boolean {
  return isFsError(error, 'EIO') && error.detail?.includes("lost: 'anew'") === true;
}

function headline(code: string | undefined): string {
  switch (code) {
    case 'ESTALE':
      return 'The archives are not the ones that this workspace was made with';
    case 'EBUSY':
      return 'This workspace is busy';
    case 'ENOSPC':
      return 'The browser has no room left';
    default:
      return 'The workspace did not open';
  }
}

function advice(code: string | undefined): string {
  switch (code) {
    case 'ESTALE':
      return 'Your changes refer to the earlier archives and are kept. Start a new workspace over the new ones, or put the earlier archives back.';
    case 'EBUSY':
      return 'Close it there, then try again. Nothing is lost.';
    case 'ENOSPC':
      return 'Nothing that was committed is lost. Free some storage, then try again.';
    default:
      return 'Nothing of yours was changed. If the server was away for a moment, trying again is enough.';
  }
}
