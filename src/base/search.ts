/* What a search is asked and what it tells, as plain data. */

export interface SearchOptions {
  /** Only files that one of these globs matches (`*`, `?`, `**`), from the root on, and what is below them. Default: all. */
  readonly include?: readonly string[] | undefined;
  /** No file that one of these globs matches, nor anything below it. */
  readonly exclude?: readonly string[] | undefined;
  /** Takes ASCII letters of either case for the same. Default: false. */
  readonly ignoreCase?: boolean | undefined;
  /** Looks into binary files too: those with a NUL in their first 8 KiB. Default: false. */
  readonly binary?: boolean | undefined;
  /** Matches that are told of one file. Default: 100. */
  readonly perFile?: number | undefined;
  /** Matches and errors after which the search ends. Default: 10,000. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One place where the text stands. */
export interface Match {
  /** From 1 on. Lines end with LF. */
  readonly line: number;
  /** From 1 on, in UTF-16 units: `column - 1` is the position in the line as a string. */
  readonly column: number;
  /** The line without its end; where it is long, what of it is near the match. Bytes that are no UTF-8 are U+FFFD. */
  readonly text: string;
  /** Where in `text` the match starts and ends. Of a match of several lines, the part in the first. */
  readonly start: number;
  readonly end: number;
}

/** A file in which something was found, or a file or directory that could not be read. */
export interface SearchedFile {
  readonly path: string;
  /** From the start of the file on, none overlapping another. */
  readonly matches: readonly Match[];
  /** There are more in the file than were to be told. */
  readonly hasMore: boolean;
  /** Why it was not searched, or not to its end. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}
