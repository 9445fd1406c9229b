/* What a workspace can tell of itself, as plain data. */

import type { Provenance } from './stats.ts';

export type EntryType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';

/** One change of the upper against the lowers. */
export interface Change {
  readonly path: string;
  readonly change:
    /** *added* indicates that the lowers have nothing at this path. */
    | 'added'
    /** *modified* indicates that content, target or type differ from what the lowers have here. */
    | 'modified'
    /** *deleted* indicates that the lowers have something here and the merged tree does not. */
    | 'deleted'
    /** *meta* indicates that only mode, owner, times or xattrs differ. */
    | 'meta';
  readonly type: EntryType;
  /** Where the lowers have what now stands at `path`, when it was renamed. */
  readonly from?: string | undefined;
  /** Bytes; files only. */
  readonly size?: number | undefined;
}

/** One name of a directory with where it comes from; deleted names included, so that a tree view can show them. */
export interface Entry {
  readonly name: string;
  readonly path: string;
  readonly type: EntryType;
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly from: Provenance | 'deleted';
  /** Position in `ws.layers` of the topmost lower that holds the name; `undefined` when none does. */
  readonly layer?: number | undefined;
}

/** One violation of a union rule (I1 … I11 of docs/SEMANTICS.md). */
export interface Violation {
  readonly rule: `I${number}`;
  /** As far as the names lead; `#` and the record's number where they lead nowhere. */
  readonly path: string;
  /** Number of the record. */
  readonly id: number;
  readonly message: string;
  /** What `check({ repair: true })` did to the record. Not there: nothing was safe to do. */
  readonly repair?: string | undefined;
}

/** Content that cannot be had as it should be. */
export interface Damage {
  /** Position in `ws.layers`, or the upper. */
  readonly layer: number | 'upper';
  /** Of a lower: the path in its own tree, whether the merged tree shows it or not. */
  readonly path: string;
  readonly message: string;
}

/** A lower as a workspace shows it. */
export interface LayerSummary {
  readonly name: string;
  readonly digest: string;
  readonly entries: number;
  readonly at: string;
  readonly warnings: readonly { readonly entry: string; readonly message: string }[];
}
