/* How far something that takes long has come. */

export interface WorkProgress {
  /** Bytes done. */
  readonly loaded: number;
  /** Bytes in all. */
  readonly total: number;
}

/** Options of what takes long. */
export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined;
}
