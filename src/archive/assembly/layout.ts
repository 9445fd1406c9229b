/*
 * Where everything is in the module's memory. What depends on the directory stands behind it, in this order:
 *
 *   elements    headers in the order of their paths, with twice the room that they need, for sorting
 *   rows        objects of the tree, a directory before what is in it
 *   order       the rows by position in the table: u32 each
 *   columns     of the table, of u32, by position
 *   names       of the table
 *
 * A directory has at most 64 MiB and 2^24 rows (src/archive/zip-plain.ts). So all addresses are below 2^32.
 */

/** u32 by depth: how many rows have it, and then where the next of them stands in the table. */
export const LEVELS: usize = 0;
/** The deepest that a tree may be: a path has less than 4096 bytes, which are 2048 components at most, and so has what is above all of them. */
export const DEPTHS: usize = 4096;
/** The rows above the next one, by depth: i32 end of the path in its name, u32 row. */
export const STACK: usize = 0x4000;
/** What is found: ten u32, whose meaning is in src/archive/zip-plain.ts too, and behind them the owners: u32 uid, u32 gid. */
export const RESULT: usize = 0xc000;
export const OWNERS: usize = RESULT + 40;
export const MAX_OWNERS: u32 = 64;
/** The central directory. The path that is put in front of all names stands before it: less than 4096 bytes. */
export const INPUT: usize = 0x10000;

/* A header of the central directory (APPNOTE.TXT 4.3.12), without its name and what follows. */
export const HEADER: u32 = 0x02014b50;
export const HEADER_SIZE: usize = 46;
export const MADE_ON: usize = 5;
export const FLAGS: usize = 8;
export const METHOD: usize = 10;
export const DOS_TIME: usize = 12;
export const CRC: usize = 16;
export const STORED: usize = 20;
export const SIZE: usize = 24;
export const RAW_NAME_LENGTH: usize = 28;
export const EXTRA_LENGTH: usize = 30;
export const COMMENT_LENGTH: usize = 32;
export const DISK: usize = 34;
export const ATTRIBUTES: usize = 38;
export const OFFSET: usize = 42;

/* What is found out about an entry is written over what is not needed any more of its header: u16 each. */
export const NAME_LENGTH: usize = 0;
/** Bytes in front of the part of the name that counts. */
export const NAME_SKIP: usize = 2;
export const MODE: usize = 4;

/* An element. */
export const ELEMENT_SIZE: usize = 8;
/** How many bytes the name begins with that the one before it begins with, too. Behind it is the header's address. */
export const COMMON: usize = 4;

/*
 * A row: u32 each. What the table has columns of comes first, in the order of src/archive/zip-plain.ts.
 */
export const ROW_MODE: usize = 0;
/** Position in OWNERS. */
export const ROW_OWNER: usize = 4;
export const ROW_FLAGS: usize = 8;
export const ROW_METHOD: usize = 12;
export const ROW_CRC: usize = 16;
/** Seconds since the epoch. */
export const ROW_TIME: usize = 20;
export const ROW_SIZE: usize = 24;
export const ROW_OFFSET: usize = 28;
export const ROW_STORED: usize = 32;
/** Where the name ends in the table's names. */
export const ROW_NAME_END: usize = 36;
/** At first how many rows are in it, then where the first of them is in the table. */
export const ROW_CHILDREN: usize = 40;
export const COLUMNS: usize = 11;
/** 0 where no entry describes the directory. */
export const ROW_HEADER: usize = 44;
export const ROW_NAME: usize = 48;
export const ROW_NAME_LENGTH: usize = 52;
export const ROW_PARENT: usize = 56;
export const ROW_DEPTH: usize = 60;
/** Of a directory: when the newest of what is in it was changed. */
export const ROW_NEWEST: usize = 64;
export const ROW_BYTES: usize = 68;

export const S_IFMT: u32 = 0xf000;
export const S_IFDIR: u32 = 0x4000;
export const S_IFREG: u32 = 0x8000;
export const S_IFLNK: u32 = 0xa000;
/** Of directories that no entry describes; the flag is that of src/layer/table.ts. */
export const IMPLIED: u32 = 4;
export const IMPLIED_MODE: u32 = S_IFDIR | 0o755;

export const PATH_MAX: u32 = 4096;
export const NAME_MAX: usize = 255;
export const SLASH: u32 = 0x2f;
