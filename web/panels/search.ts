/* Ctrl Shift F: looks for a text in all files of the merged tree, in the place of the tree. Typing on begins anew. */

import type { Match, SearchedFile } from 'stratafs';
import type { Session } from '../session.ts';
import { describeError } from '../session.ts';
import { el, iconButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { recall, remember } from '../ui/memory.ts';
import { nameOf, parentOf } from '../ui/paths.ts';
import { count } from '../ui/words.ts';

/** Matches that are shown: of a file, and in all. */
const PER_FILE = 50;
const LIMIT = 2000;
/** Milliseconds without a key after which the search begins. */
const PAUSE = 120;
/** Characters of a line that are shown before a match: more would push it out of sight. */
const BEFORE = 12;
const WHERE = 'search-where';
const CASE = 'search-case';

export interface SearchActions {
  /** Opens a file at a match. */
  open(path: string, match: Match): void;
  /** Shows the tree again. */
  close(): void;
}

export class SearchPanel {
  readonly element: HTMLElement;
  readonly #session: Session;
  readonly #actions: SearchActions;
  readonly #text = el('input', { class: 'text-input', attrs: { 'aria-label': 'Search in files', placeholder: 'Search in files' } });
  readonly #where = el('input', {
    class: 'text-input where-input',
    title: 'Files and folders, separated by commas; those with an exclamation mark are left out.\nFor example: src, *.ts, !node_modules',
    attrs: { 'aria-label': 'Where to search', placeholder: 'everywhere', spellcheck: 'false' },
  });
  readonly #case: HTMLButtonElement;
  readonly #summary = el('p', { class: 'search-summary dim', attrs: { role: 'status' } });
  readonly #results = el('div', { class: 'search-results' });
  #running = new AbortController();
  #timer = 0;

  constructor(session: Session, actions: SearchActions) {
    this.#session = session;
    this.#actions = actions;
    this.#text.spellcheck = false;
    this.#where.value = recall(WHERE) ?? '!node_modules';
    this.#case = iconButton(el('span', { class: 'case', text: 'Aa' }), 'Match case', () => this.#toggleCase());
    this.#case.setAttribute('aria-pressed', String(recall(CASE) === 'true'));
    for (const input of [this.#text, this.#where]) input.addEventListener('input', () => this.#searchSoon());
    this.element = el(
      'search',
      { class: 'search', attrs: { 'aria-label': 'Search in files' }, on: { keydown: (event) => this.#onKey(event) } },
      el(
        'header',
        { class: 'pane-header' },
        el('h2', { text: 'Search' }),
        el('span', { class: 'spring' }),
        iconButton(icon('close'), 'Back to the files', () => actions.close()),
      ),
      el('div', { class: 'search-form' }, el('div', { class: 'search-text' }, this.#text, this.#case), this.#where),
      this.#summary,
      this.#results,
    );
  }

  /** Takes the focus, and a text where one is given. */
  start(text: string): void {
    if (text !== '' && text !== this.#text.value) {
      this.#text.value = text;
      void this.#search();
    }
    this.#text.focus();
    this.#text.select();
  }

  #toggleCase(): void {
    const matchCase = this.#case.getAttribute('aria-pressed') !== 'true';
    this.#case.setAttribute('aria-pressed', String(matchCase));
    remember(CASE, String(matchCase));
    void this.#search();
  }

  #searchSoon(): void {
    this.#running.abort();
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#search(), PAUSE);
  }

  /** Ends what is under way, and searches for what stands in the fields now. */
  async #search(): Promise<void> {
    clearTimeout(this.#timer);
    this.#running.abort();
    const { signal } = (this.#running = new AbortController());
    remember(WHERE, this.#where.value);
    this.#results.replaceChildren();
    this.#summary.textContent = '';
    const text = this.#text.value;
    if (text === '') return;
    const found = { files: 0, matches: 0, unread: 0 };
    this.#results.ariaBusy = 'true';
    this.#summary.textContent = 'Searching…';
    try {
      const ignoreCase = this.#case.getAttribute('aria-pressed') !== 'true';
      const options = { ...patternsOf(this.#where.value), ignoreCase, perFile: PER_FILE, limit: LIMIT, signal };
      for await (const file of this.#session.ws.search(text, options)) {
        if (signal.aborted) return;
        found.files += file.matches.length > 0 ? 1 : 0;
        found.matches += file.matches.length;
        found.unread += file.error === undefined ? 0 : 1;
        this.#results.append(fileElement(file, (match) => this.#actions.open(file.path, match)));
        this.#summary.textContent = `${summaryOf(found)}…`;
      }
      this.#summary.textContent = summaryOf(found);
    } catch (error) {
      if (!signal.aborted) this.#summary.textContent = describeError(error).message;
    } finally {
      if (this.#running.signal === signal) this.#results.ariaBusy = 'false';
    }
  }

  /** Up and down go through the matches, Escape goes back. */
  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      if (document.activeElement === this.#text) this.#actions.close();
      else this.#text.focus();
    } else if (event.key === 'Enter' && event.target instanceof HTMLInputElement) {
      void this.#search();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const hits = [...this.#results.querySelectorAll<HTMLElement>('.hit')];
      const at = hits.indexOf(document.activeElement as HTMLElement);
      const next = event.key === 'ArrowDown' ? hits[at + 1] : (hits[at - 1] ?? this.#text);
      next?.focus();
    } else return;
    event.preventDefault();
  }
}

/** `src, *.ts, !node_modules` as the workspace takes it: a name without a slash means it at any depth. */
export function patternsOf(where: string): { include?: string[]; exclude: string[] } {
  const include: string[] = [];
  const exclude: string[] = [];
  for (const part of where.split(',').map((one) => one.trim())) {
    const isOut = part.startsWith('!');
    const pattern = (isOut ? part.slice(1) : part).trim();
    if (pattern !== '') (isOut ? exclude : include).push(pattern.includes('/') ? pattern : `**/${pattern}`);
  }
  return include.length === 0 ? { exclude } : { include, exclude };
}

function summaryOf({ files, matches, unread }: { files: number; matches: number; unread: number }): string {
  const problems = unread === 0 ? '' : `, ${count(unread, 'file')} could not be read`;
  if (matches === 0) return `No match${problems}`;
  const more = matches + unread >= LIMIT ? 'The first ' : '';
  return `${more}${count(matches, 'match', 'matches')} in ${count(files, 'file')}${problems}`;
}

function fileElement({ path, matches, hasMore, error }: SearchedFile, open: (match: Match) => void): HTMLElement {
  return el(
    'details',
    { class: 'search-file', attrs: { open: '' } },
    el(
      'summary',
      { title: path },
      icon('chevron'),
      el('span', { class: 'name', text: nameOf(path) }),
      el('span', { class: 'where', text: parentOf(path) }),
      el('span', { class: 'badge', text: matches.length === 0 ? '' : `${matches.length}${hasMore ? '+' : ''}` }),
    ),
    ...matches.map((match) => hitElement(match, () => open(match))),
    error && el('p', { class: 'search-error', title: error.message }, icon('warning'), `${error.code}: it could not be read`),
  );
}

function hitElement({ line, text, start, end }: Match, open: () => void): HTMLElement {
  const before = text.slice(0, start).trimStart();
  const shown = before.length > BEFORE ? `…${before.slice(-BEFORE)}` : before;
  return el(
    'button',
    { class: 'hit', attrs: { type: 'button' }, on: { click: open } },
    el('span', { class: 'hit-line', text: String(line) }),
    el('code', {}, shown, el('mark', { text: text.slice(start, end) || '↵' }), text.slice(end)),
  );
}
