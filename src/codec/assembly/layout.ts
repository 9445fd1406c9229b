/*
 * Where everything is in the kernel's memory. All of it is fixed: nothing is allocated and the memory never grows.
 * A decoded symbol ("entry") is one u32, made so that the fast loop drops its bits with one shift:
 *
 *   bits 0-5    bits to drop: the code and its extra bits (of a SUBTABLE entry: the bits of the first table)
 *   bits 8-11   bits of the code alone (of a SUBTABLE entry: bits that select in the second table)
 *   bits 13-15  END, SUBTABLE, EXCEPTIONAL; EXCEPTIONAL alone is a code that must not occur
 *   bits 16-30  the literal, or what a length or a distance starts from, or where the second table starts
 *   bit 31      LITERAL
 */

export const LITERAL: u32 = 0x80000000;
export const EXCEPTIONAL: u32 = 0x8000;
export const SUBTABLE: u32 = 0x4000;
export const END: u32 = 0x2000;

/** 8 tables of 256 u32: CRC-32 of a byte with 0 to 7 zero bytes behind it. */
export const CRC_TABLES: usize = 0;

/** Entries of the symbols without their codes. RFC 1951, 3.2.5. */
export const LITERAL_SYMBOLS: usize = 0x2000;
export const DISTANCE_SYMBOLS: usize = 0x2480;
export const ORDER_SYMBOLS: usize = 0x2500;

/** Code lengths of a block, one byte each: at most 288 + 32. */
export const LENGTHS: usize = 0x2600;
/** Code lengths of the code that the code lengths are written in: 19. */
export const ORDER_LENGTHS: usize = 0x2760;
/** How many codes have a length, and where they start in SORTED: 16 u32 each. */
export const COUNTS: usize = 0x2780;
export const STARTS: usize = 0x27c0;
/** Symbols by length, then by number: 288 u16. */
export const SORTED: usize = 0x2800;

/*
 * Decoding tables: bits of the first table, and entries with all second tables. The numbers of entries are the most
 * that any complete code of 288 or 32 symbols and 15 bits needs, as zlib's examples/enough.c counts them.
 */
export const LITERAL_BITS: u32 = 11;
export const LITERAL_ENTRIES: u32 = 2342;
export const LITERAL_TABLE: usize = 0x3000;
export const DISTANCE_BITS: u32 = 8;
export const DISTANCE_ENTRIES: u32 = 402;
export const DISTANCE_TABLE: usize = 0x5800;
export const ORDER_BITS: u32 = 7;
export const ORDER_ENTRIES: u32 = 128;
export const ORDER_TABLE: usize = 0x6000;

/** SHA-256: 8 u32 of state, which the caller sets and reads, and 64 of the message schedule. */
export const SHA_STATE: usize = 0x6200;
export const SHA_SCHEDULE: usize = 0x6240;

/** 32 u32: what the bits of a CRC-32 become by the zeros of a lane. */
export const CRC_SKIPPED: usize = 0x6340;

/* Constants that the compiler keeps in memory are at 0x7000: --memoryBase in scripts/build-kernels.ts. */

/** Input. Behind it are 1 KiB that the header of a block, 570 bytes at most, may be looked for in. */
export const INPUT: usize = 0x8000;
export const INPUT_SIZE: usize = 0x20000;
/** The 32 KiB of output before OUTPUT. */
export const HISTORY_SIZE: usize = 0x8000;
/** What is searched for, and the mask of each of its bytes, where the history is otherwise: at most NEEDLE_SIZE bytes. */
export const NEEDLE_SIZE: usize = 0x400;
export const NEEDLE: usize = INPUT + INPUT_SIZE + 0x400;
export const NEEDLE_MASK: usize = NEEDLE + NEEDLE_SIZE;
/** Output. Behind it is 1 KiB: the last match overshoots by up to 260 bytes, and copies write 8 bytes at a time. */
export const OUTPUT: usize = INPUT + INPUT_SIZE + 0x400 + HISTORY_SIZE;
export const OUTPUT_SIZE: usize = 0x40000;
