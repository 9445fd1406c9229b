/* Takes the workspace out of the browser: as a file to download. It is made while it comes, and can be given up. */

import type { ExportFormat } from 'stratafs';
import type { Session } from './session.ts';
import { showError } from './session.ts';
import type { MenuGroups } from './ui/menu.ts';
import { toast, workToast } from './ui/toast.ts';
import { bytes } from './ui/words.ts';
import { currentWorkspace } from './workspaces.ts';

/** Bytes that are gathered before they become a Blob, which the browser may put on the disk. */
const GATHERED = 16 << 20;

/** What can be downloaded. */
export function downloads(session: Session): MenuGroups {
  const item = (label: string, format: ExportFormat, suffix: string) => ({
    label,
    run: () => void download(session, format, `${currentWorkspace()}${suffix}`),
  });
  return [
    [item('Everything, as a zip', 'zip', '.zip'), item('Everything, as a tar', 'tar', '.tar')],
    [item('The changes, as a layer (OCI)', 'oci-layer', '.layer.tar')],
  ];
}

async function download({ ws }: Session, format: ExportFormat, name: string): Promise<void> {
  const work = workToast(`Making ${name}`);
  try {
    const blobs: Blob[] = [];
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    const gather = (piece: Uint8Array<ArrayBuffer>): void => {
      pieces.push(piece);
      size += piece.length;
      if (size < GATHERED * (blobs.length + 1)) return;
      blobs.push(new Blob(pieces));
      pieces = [];
    };
    const archive = ws.export({ format, signal: work.signal, onProgress: ({ loaded, total }) => work.update(loaded / total) });
    await archive.pipeTo(new WritableStream({ write: gather }));
    save(new Blob([...blobs, ...pieces]), name);
    toast(`${name}, ${bytes(size)}`);
  } catch (error) {
    if (!work.signal.aborted) showError(error);
  } finally {
    work.close();
  }
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
