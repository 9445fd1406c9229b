/*
 * The open workspace and what the page knows of it: what is being committed and what has changed. Every
 * view changes files through `act`, so that each failure is shown and each change is seen by all views.
 */

import { isFsError } from 'stratafs';
import type { Change, LayerSummary, Workspace } from 'stratafs';
import { join } from './ui/paths.ts';
import { Signal } from './ui/signal.ts';
import { toast } from './ui/toast.ts';

/** Milliseconds in which events are gathered before the views are told. */
const GATHER = 40;

export class Session {
  readonly ws: Workspace;
  /** Changes of the upper against the lowers, as they were last asked for. */
  changes: readonly Change[] = [];
  /** Paths whose names or content may have changed. */
  readonly touched = new Signal<readonly string[]>();
  readonly changesRead = new Signal<void>();
  /** Operations that are not committed yet. */
  readonly pendingChanged = new Signal<number>();
  /** A file or directory got another path. */
  readonly renamed = new Signal<{ readonly from: string; readonly to: string }>();

  #pending = 0;
  #gathered = new Set<string>();
  #timer = 0;

  constructor(ws: Workspace) {
    this.ws = ws;
  }

  get layers(): readonly LayerSummary[] {
    return this.ws.layers;
  }

  /** The name of the archive behind an entry. */
  layerName(layer: number | undefined): string | undefined {
    const summary = layer === undefined ? undefined : this.layers[layer];
    return summary && archiveName(summary);
  }

  /** Follows what anybody changes, the terminal included, until the workspace is closed. */
  async follow(): Promise<void> {
    for await (const event of this.ws.fs.watch('/', { recursive: true })) this.touch(join('/', event.filename));
  }

  /** Tells the views, a little later, that something at these paths may have changed. */
  touch(...paths: readonly string[]): void {
    for (const path of paths) this.#gathered.add(path);
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      const gathered = [...this.#gathered];
      this.#gathered = new Set();
      this.touched.emit(gathered);
      void this.readChanges();
    }, GATHER);
  }

  async readChanges(): Promise<void> {
    try {
      this.changes = await this.ws.diff();
      this.changesRead.emit();
    } catch (error) {
      showError(error);
    }
  }

  /** Changes files: shows that it is being committed, tells the views, shows what failed. Resolves to whether it worked. */
  async act(paths: readonly string[], change: () => Promise<unknown>): Promise<boolean> {
    this.#count(+1);
    try {
      await change();
      return true;
    } catch (error) {
      showError(error);
      return false;
    } finally {
      this.touch(...paths);
      this.#count(-1);
    }
  }

  #count(step: number): void {
    this.#pending += step;
    this.pendingChanged.emit(this.#pending);
  }
}

/** The file name of an archive: the last component of its URL. */
export function archiveName({ name }: LayerSummary): string {
  return name.replace(/[?#].*$/, '').replace(/^.*\//, '');
}

/** Where the archives have what now stands at the change's path, when it was renamed. */
export function renamedFrom(change: Change): string | undefined {
  return change.change === 'deleted' ? undefined : change.from;
}

/** Shows an error with its POSIX code. */
export function showError(error: unknown): void {
  const { code, message } = describeError(error);
  toast(message, code === undefined ? { kind: 'error' } : { kind: 'error', code });
}

/** An error as code and text; the text does not repeat the code. */
export function describeError(error: unknown): { code: string | undefined; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (!isFsError(error)) return { code: undefined, message };
  const prefix = `${error.code}: `;
  return { code: error.code, message: message.startsWith(prefix) ? message.slice(prefix.length) : message };
}
