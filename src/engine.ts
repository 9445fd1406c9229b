/* stratafs/engine: the union without a browser, for tools, tests and workers. */

export { Overlay, type OverlayOptions } from './fs/overlay.ts';
export type * from './fs/api.ts';
export { FsError, isFsError, type ErrorCode } from './base/errors.ts';
export { Dirent, Stats } from './base/stats.ts';
export type { Change, Damage, Entry, EntryType, LayerSummary, Violation } from './base/diff.ts';
export type { ExportFormat, ExportOptions } from './base/export.ts';
export type { Match, SearchOptions, SearchedFile } from './base/search.ts';
export type { WorkOptions, WorkProgress } from './base/progress.ts';
export type { Layer, LayerWarning } from './layer/layer.ts';
export type {
  Commit,
  Durability,
  HistoryRecord,
  InodeRecord,
  Snapshot,
  Superblock,
  UpperImage,
  UpperRecord,
  UpperStore,
  WhiteoutRecord,
} from './layer/upper.ts';
export { type LayerEntry, TableBuilder, type TableOptions } from './layer/build-table.ts';
export { memoryUpper } from './upper/memory-store.ts';
export { databaseUpper as idbUpper } from './upper/open-upper.ts';
export { openDirectory, type DirectoryOptions } from './lower/directory-layer.ts';
export { openLayer } from './lower/open-layer.ts';
export { streamEntries, type StreamEntriesOptions, type StreamedEntry } from './lower/stream-entries.ts';
export { openImage, type Image, type ImageOptions, type ImageSource } from './lower/oci-image.ts';
export type { LoginQuestion, RegistryLogin, RegistrySecret } from './lower/registry-auth.ts';
export type { ImageConfig } from './archive/oci.ts';
export { constants } from './base/constants.ts';
export type { Credentials } from './overlay/call.ts';
