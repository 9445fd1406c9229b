/* An export as its client holds it: an open file that is read piece by piece, so that no more is made than is taken. */

import type { ExportOptions } from '../base/export.ts';
import type { WorkProgress } from '../base/progress.ts';
import type { Overlay } from '../fs/overlay.ts';

let serial = 0;

export class HostedExport {
  /** Below those of the engine's files. */
  readonly fd = -++serial;
  readonly #pieces: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
  readonly #closing = new AbortController();
  #progress: WorkProgress | undefined;

  constructor(overlay: Pick<Overlay, 'export'>, options: ExportOptions) {
    this.#pieces = overlay.export({ ...options, signal: this.#closing.signal, onProgress: (progress) => (this.#progress = progress) });
  }

  /** The next piece; empty at the end. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const { value } = await this.#pieces.next();
    return value ?? new Uint8Array(0);
  }

  /** How far it has come; nothing as long as there is no content in it. */
  stat(): WorkProgress | undefined {
    return this.#progress;
  }

  /** Lets go of what was made for it. What is being fetched for it is given up. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pieces.return();
  }
}
