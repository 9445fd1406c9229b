/* An export as the page has it: a stream that asks the worker for a piece when one is wanted. */

import type { ExportOptions } from '../base/export.ts';
import { AbortError, assertNotAborted } from '../base/errors.ts';
import type { WorkProgress } from '../base/progress.ts';
import type { Peer } from './peer.ts';
import type { FileMethod } from './wire.ts';

export function remoteExport(peer: Peer, { signal, onProgress, ...options }: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  const opening = peer.call<number>({ on: 'workspace', method: 'export' }, [options]);
  const call = async <T>(method: FileMethod): Promise<T> => peer.call({ on: 'file', fd: await opening, method }, []);
  let abort: () => void;
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', abort);
    // Where it fails, nothing is left that could be closed.
    return call<void>('close').catch(() => undefined);
  };
  return new ReadableStream({
    start(controller) {
      abort = () => {
        controller.error(new AbortError(signal!.reason));
        void close();
      };
      signal?.addEventListener('abort', abort);
    },
    async pull(controller) {
      try {
        assertNotAborted(signal);
        const bytes = await call<Uint8Array<ArrayBuffer>>('read');
        const progress = onProgress && (await call<WorkProgress | undefined>('stat'));
        if (progress !== undefined) onProgress?.(progress);
        if (bytes.length > 0) return controller.enqueue(bytes);
        controller.close();
      } catch (e) {
        controller.error(e);
      }
      await close();
    },
    cancel: close,
  });
}
