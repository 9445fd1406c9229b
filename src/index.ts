/* `stratafs`: the page's client. The engine is in the worker; nothing of it comes into this bundle. */

export { attach, open, removeWorkspace } from './rpc/client.ts';
export type {
  ArchiveLower,
  DirectoryLower,
  ImageLower,
  LowerOptions,
  OpenOptions,
  Progress,
  Workspace,
  WorkspaceUsage,
} from './rpc/api.ts';
export { FsError, isFsError } from './base/errors.ts';
export type { ErrorCode } from './base/errors.ts';
export { Dirent, Stats } from './base/stats.ts';
export type { Attr, Provenance } from './base/stats.ts';
export type { Change, Damage, Entry, EntryType, LayerSummary, Violation } from './base/diff.ts';
export type { ExportFormat, ExportOptions } from './base/export.ts';
export type { Match, SearchOptions, SearchedFile } from './base/search.ts';
export type { WorkOptions, WorkProgress } from './base/progress.ts';
export type { Usage } from './base/usage.ts';
export type { StorageEstimate } from './storage/estimate.ts';
export type { Restored } from './upper/open-upper.ts';
export type { Durability, Snapshot } from './layer/upper.ts';
export type { ArchiveLimits } from './archive/limits.ts';
export type { RegistrySecret } from './lower/registry-auth.ts';
export type * from './fs/api.ts';
export { constants } from './base/constants.ts';
