/* The terminal panel: a prompt whose commands run in the worker, through ZenFS's node:fs over the same engine. */

import type { RemoteCompanion } from '../companion.ts';
import { el, iconButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { recallList, remember } from '../ui/memory.ts';

const HISTORY = 'terminal-history';
/** Command lines that are remembered, and lines of output that are kept. */
const REMEMBERED = 100;
const KEPT = 5000;

export class TerminalView {
  readonly element: HTMLElement;
  readonly #companion: RemoteCompanion;
  readonly #output = el('div', { class: 'terminal-output', attrs: { role: 'log', 'aria-label': 'Output' } });
  readonly #input = el('input', {
    class: 'terminal-input',
    attrs: { 'aria-label': 'Command', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off' },
  });
  readonly #prompt = el('span', { class: 'terminal-prompt' });
  readonly #history = recallList(HISTORY);
  #historyAt = this.#history.length;
  #cwd = '/';
  #running = false;

  constructor(companion: RemoteCompanion, close: () => void) {
    this.#companion = companion;
    const line = el('label', { class: 'terminal-line' }, this.#prompt, this.#input);
    const scroller = el('div', { class: 'terminal-scroller' }, this.#output, line);
    scroller.addEventListener('click', () => getSelection()?.isCollapsed === true && this.focus());
    this.element = el(
      'section',
      { class: 'terminal', attrs: { 'aria-label': 'Terminal' } },
      el(
        'header',
        { class: 'pane-header' },
        el('h2', { text: 'Terminal' }),
        el('span', { class: 'dim', text: 'runs in the worker, on ZenFS over the same tree' }),
        el('span', { class: 'spring' }),
        iconButton(icon('close'), 'Hide the terminal', close),
      ),
      scroller,
    );
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#showPrompt();
    this.#write('Type help for the commands.\n', 'dim');
  }

  focus(): void {
    this.#input.focus({ preventScroll: true });
  }

  #onKey(event: KeyboardEvent): void {
    if (
      event.ctrlKey &&
      event.key === 'c' &&
      getSelection()?.isCollapsed !== false &&
      this.#input.selectionStart === this.#input.selectionEnd
    ) {
      this.#interrupt();
    } else if (event.ctrlKey && event.key === 'l') {
      this.#output.replaceChildren();
    } else if (event.key === 'Enter') {
      void this.#run(this.#input.value);
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      this.#recall(event.key === 'ArrowUp' ? -1 : 1);
    } else if (event.key === 'Tab' && !event.shiftKey && this.#input.value.trim() !== '') {
      void this.#complete();
    } else {
      return;
    }
    event.preventDefault();
  }

  async #run(line: string): Promise<void> {
    if (this.#running) return;
    this.#input.value = '';
    this.#write(`${this.#prompt.textContent ?? ''}${line}\n`, 'command');
    if (line.trim() === '') return;
    this.#note(line);
    if (line.trim() === 'clear') return this.#output.replaceChildren();
    this.#running = true;
    this.element.classList.add('running');
    const started = performance.now();
    try {
      const { status, cwd } = await this.#companion.run(line, this.#cwd, (text) => this.#write(text));
      this.#cwd = cwd;
      const seconds = (performance.now() - started) / 1000;
      if (seconds > 1) this.#write(`${seconds.toFixed(1)} s${status === 0 ? '' : `, status ${status}`}\n`, 'dim');
    } catch (error) {
      this.#write(`${error instanceof Error ? error.message : String(error)}\n`, 'failed');
    }
    this.#running = false;
    this.element.classList.remove('running');
    this.#showPrompt();
  }

  #interrupt(): void {
    if (this.#running) void this.#companion.interrupt();
    else this.#input.value = '';
  }

  #note(line: string): void {
    if (this.#history.at(-1) !== line) this.#history.push(line);
    this.#historyAt = this.#history.length;
    remember(HISTORY, JSON.stringify(this.#history.slice(-REMEMBERED)));
  }

  #recall(step: 1 | -1): void {
    this.#historyAt = Math.max(0, Math.min(this.#historyAt + step, this.#history.length));
    this.#input.value = this.#history[this.#historyAt] ?? '';
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  /** Completes the last word as far as it is certain; shows the choices where it is not. */
  async #complete(): Promise<void> {
    const line = this.#input.value;
    const choices = await this.#companion.complete(line, this.#cwd);
    if (choices.length === 0 || this.#input.value !== line) return;
    const word = /\S*$/.exec(line)?.[0] ?? '';
    const common = commonStart(choices);
    if (common.length > word.length)
      this.#input.value = line.slice(0, line.length - word.length) + common + (choices.length === 1 && !common.endsWith('/') ? ' ' : '');
    else this.#write(`${choices.slice(0, 60).join('  ')}\n`, 'dim');
  }

  #showPrompt(): void {
    this.#prompt.textContent = `${this.#cwd} $ `;
  }

  #write(text: string, kind = ''): void {
    this.#output.append(el('span', { class: kind, text }));
    while (this.#output.childElementCount > KEPT) this.#output.firstElementChild?.remove();
    const scroller = this.#output.parentElement;
    if (scroller !== null) scroller.scrollTop = scroller.scrollHeight;
  }
}

function commonStart(words: readonly string[]): string {
  const [first = '', ...rest] = words;
  let length = first.length;
  for (const word of rest) while (!word.startsWith(first.slice(0, length))) length--;
  return first.slice(0, length);
}
