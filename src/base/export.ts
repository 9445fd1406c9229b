/* What can be made of a workspace. */

import type { WorkProgress } from './progress.ts';

/**
 * *tar* and *zip* have everything that the workspace shows, *oci-layer* (a tar) what its upper changes, with whiteouts, as a layer of an OCI
 * image. Zip has no hard links, devices or extended attributes.
 */
export type ExportFormat = 'oci-layer' | 'tar' | 'zip';

export interface ExportOptions {
  /** Default: tar. */
  readonly format?: ExportFormat | undefined;
  /** The snapshot to export. Default: what the workspace is now. */
  readonly snapshot?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In bytes of files' content: what the archive will have is not known before. */
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined;
}
