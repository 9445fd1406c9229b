/* What a workspace takes of the disk, in bytes. */

export interface Usage {
  /** What the upper takes: content that it stores, and 256 bytes for each object that it made. Shared content counts for each file. */
  readonly used: number;
  /** What the workspace may take, as given when it was opened: beyond it EDQUOT. */
  readonly quota?: number | undefined;
}
