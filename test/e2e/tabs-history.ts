/*
 * What a workspace may hold, by what its tabs were told. A call that was acknowledged has happened; one that ended with EOWNERDEAD,
 * or whose tab is gone, has happened once or not at all; one that is under way may have. Whatever else is seen is a violation.
 */

import { LOG, type Report, type Step } from './tabs-work.ts';

interface Tab {
  /** Steps under way. */
  readonly begun: Map<number, Step>;
}

/** Codes with which a call may end because its owner went away. */
const LOST = new Set(['EOWNERDEAD']);

export class History {
  readonly violations: string[] = [];
  acknowledged = 0;
  lost = 0;
  /** Every file's possible contents; `undefined`: it does not exist. */
  readonly #files = new Map<string, Set<string | undefined>>();
  /** Tokens of the log: those that must be there, and those that may be. */
  readonly #logged = new Set<string>();
  readonly #maybeLogged = new Set<string>();
  /** What the log must have held when a reading of it began. */
  readonly #loggedBefore = new Map<Step, readonly string[]>();
  readonly #tabs = new Map<string, Tab>();

  report(name: string, report: Report): void {
    const tab: Tab = this.#tabs.get(name) ?? { begun: new Map<number, Step>() };
    this.#tabs.set(name, tab);
    if ('begins' in report) {
      const { begins } = report;
      tab.begun.set(begins.id, begins);
      if (begins.does === 'log') this.#maybeLogged.add(begins.text);
      if (begins.does === 'read-log') this.#loggedBefore.set(begins, [...this.#logged]);
      return;
    }
    const step = tab.begun.get(report.id);
    if (step === undefined) return;
    tab.begun.delete(report.id);
    if ('value' in report) this.#succeeded(step, report.value);
    else if (LOST.has(report.code)) this.#unknown(step);
    else this.violations.push(`${step.does} ${step.path} of ${name} ended with ${report.message}`);
  }

  /** The tab is gone: what it had begun may have happened. */
  gone(name: string): void {
    for (const step of this.#tabs.get(name)?.begun.values() ?? []) this.#unknown(step);
    this.#tabs.delete(name);
  }

  /** Compares the whole tree at the end. */
  compare(tree: ReadonlyMap<string, string>): void {
    for (const [path, possible] of this.#files) {
      if (!possible.has(tree.get(path)))
        this.violations.push(`${path} holds ${String(tree.get(path))}, not one of ${[...possible].map(String).join(' | ')}`);
    }
    for (const path of tree.keys()) if (path !== LOG && !this.#files.has(path)) this.violations.push(`nobody has written ${path}`);
    this.#compareLog(tree.get(LOG) ?? '', [...this.#logged]);
  }

  #possible(path: string): Set<string | undefined> {
    return this.#files.get(path) ?? new Set([undefined]);
  }

  #succeeded(step: Step, value: string | undefined): void {
    this.acknowledged++;
    const { does, path, text } = step;
    if (does === 'log') {
      this.#logged.add(text);
    } else if (does === 'read-log') {
      this.#compareLog(value ?? '', this.#loggedBefore.get(step) ?? []);
      this.#loggedBefore.delete(step);
    } else if (does === 'read') {
      const possible = this.#possible(path);
      if (!possible.has(value))
        this.violations.push(`${path} was read as ${String(value)}, not one of ${[...possible].map(String).join(' | ')}`);
      // What was open before is known now.
      this.#files.set(path, new Set([value]));
    } else {
      this.#files.set(path, this.#after(step));
    }
  }

  #unknown(step: Step): void {
    this.lost++;
    if (step.does === 'read' || step.does === 'read-log' || step.does === 'log') return;
    this.#files.set(step.path, new Set([...this.#possible(step.path), ...this.#after(step)]));
  }

  #after({ does, path, text }: Step): Set<string | undefined> {
    if (does === 'write') return new Set([text]);
    if (does === 'delete') return new Set([undefined]);
    return new Set([...this.#possible(path)].map((content) => (content ?? '') + text));
  }

  #compareLog(content: string, due: readonly string[]): void {
    const tokens = content.split(/(?<=;)/);
    const seen = new Set(tokens);
    if (seen.size < tokens.length)
      this.violations.push(`something happened twice: ${tokens.filter((token, i) => tokens.indexOf(token) < i).join(' ')}`);
    for (const token of due) if (!seen.has(token)) this.violations.push(`${token} was acknowledged and is not in the log`);
    for (const token of seen) if (token !== '' && !this.#maybeLogged.has(token)) this.violations.push(`nobody has logged ${token}`);
  }
}
