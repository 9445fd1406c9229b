/* A workspace as the worker holds it: the engine, its name, and the connections that use it. */

import type { Overlay } from '../fs/overlay.ts';
import type { Layer } from '../layer/layer.ts';
import type { Progress } from './api.ts';
import type { OpenRequest, Summary } from './wire.ts';

/** What the host needs of the engine. */
export type HostedOverlay = Pick<Overlay, 'fs' | 'layers' | 'entries' | 'diff' | 'reset' | 'check' | 'flush' | 'close'>;

/** What an opening may tell and must heed while it is under way. */
export interface OpenContext {
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** What the host of a connection asks of the worker around it. */
export interface Service {
  /** The name of a lock that the worker holds while it lives. */
  readonly life: Promise<string | undefined>;
  mount(request: OpenRequest, context: OpenContext): Promise<HostedWorkspace>;
}

/** What a workspace is made of. */
export interface Parts {
  readonly name: string | undefined;
  readonly overlay: HostedOverlay;
  readonly lowers: readonly Layer[];
  /** Gives the name back. */
  readonly release: () => void;
}

/** A mounted workspace. It closes when its opener says so, or when the last of its connections is gone. */
export class HostedWorkspace {
  readonly clients = new Set<object>();
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: Parts) {}

  get overlay(): HostedOverlay {
    return this.parts.overlay;
  }

  get summary(): Summary {
    return { name: this.parts.name, layers: this.parts.overlay.layers };
  }

  /** Commits, closes engine and lowers, gives the name back; once. Rejects where the last commit failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { overlay, lowers, release } = this.parts;
    try {
      await overlay.close();
    } finally {
      await Promise.allSettled(lowers.map((layer) => layer.close()));
      release();
    }
  }
}
