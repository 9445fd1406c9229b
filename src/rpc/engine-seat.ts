/* The seat whose engine is here: the engine, its lowers, and what is to be given back at the end. */

import type { Overlay } from '../fs/overlay.ts';
import type { Layer } from '../layer/layer.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Branches } from './branches.ts';
import { EngineSession } from './engine-session.ts';
import { HostedSnapshots } from './hosted-snapshots.ts';
import type { Seat } from './session.ts';
import type { Summary } from './wire.ts';

/** What sessions need of the engine. */
export type HostedOverlay = Pick<
  Overlay,
  | 'as'
  | 'beginBatch'
  | 'check'
  | 'close'
  | 'detach'
  | 'diff'
  | 'entries'
  | 'export'
  | 'flush'
  | 'fs'
  | 'layers'
  | 'openSnapshot'
  | 'owner'
  | 'prefetch'
  | 'recordAccess'
  | 'removeSnapshot'
  | 'reset'
  | 'rollback'
  | 'search'
  | 'snapshot'
  | 'snapshots'
  | 'usage'
  | 'verify'
>;

/** What a mounted workspace is made of. */
export interface Mounted {
  readonly overlay: HostedOverlay;
  readonly lowers: readonly Layer[];
  /** Whom the overlay was mounted for. */
  readonly user: Credentials;
  readonly summary: () => Summary;
  /** Of a workspace that branches can be made of. */
  readonly branches?: Branches | undefined;
  /** Called once, before the engine closes. */
  readonly onClose?: () => void;
}

export class EngineSeat implements Seat {
  readonly #sessions = new Set<EngineSession>();
  readonly #snapshots: HostedSnapshots;
  #closing: Promise<void> | undefined;

  constructor(private readonly mounted: Mounted) {
    this.#snapshots = new HostedSnapshots(mounted.overlay, mounted.branches);
  }

  get summary(): Summary {
    return this.mounted.summary();
  }

  get overlay(): HostedOverlay {
    return this.mounted.overlay;
  }

  session(user: Credentials): EngineSession {
    // The mount's own user has the mount's own surface, which the application in the worker has too.
    const own = JSON.stringify(user) === JSON.stringify(this.mounted.user);
    const { overlay } = this.mounted;
    const session = new EngineSession(overlay, this.#snapshots, own ? undefined : user, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { overlay, lowers, onClose } = this.mounted;
    onClose?.();
    await Promise.all([...this.#sessions].map((session) => session.end()));
    await this.#snapshots.close();
    try {
      await overlay.close();
    } finally {
      await Promise.allSettled(lowers.map((layer) => layer.close()));
    }
  }
}
