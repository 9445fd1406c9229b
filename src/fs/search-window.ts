/*
 * Finds the matches in one file, whose bytes come piece by piece. Of a file of any size a window is in memory: the piece that came
 * last, and before it what a match that is still to be told shows of its line.
 */

import { concatBytes, decodeUtf8 } from '../base/bytes.ts';
import type { Match } from '../base/search.ts';
import { type Codec, type Needle } from '../codec/codec.ts';

/** Bytes of a line that are shown before a match and behind it. */
const CONTEXT = 256;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export class SearchWindow {
  readonly matches: Match[] = [];
  /** There is a match more than were wanted. */
  hasMore = false;
  /** All of it was taken, or enough. */
  isOver = false;
  #bytes = new Uint8Array();
  /** Where in `#bytes` the next match may start. */
  #next = 0;
  /** Up to where lines and columns were counted, and what was counted: UTF-16 units of the line are those before `#counted`. */
  #counted = 0;
  /** Where the next line end behind that is, as far as is known: looking for it from each match anew would take for ever in a long line. */
  #newline = -1;
  #line = 1;
  #lineStart = 0;
  #units = 0;

  /** @param limit matches that are wanted */
  constructor(
    private readonly codec: Codec,
    private readonly needle: Needle,
    private readonly limit: number,
  ) {}

  /** Takes the next piece over. `isLast` tells that none follows. */
  push(piece: Uint8Array<ArrayBuffer>, isLast: boolean): void {
    const bytes = this.#bytes.length === 0 ? piece : concatBytes([this.#bytes, piece]);
    this.#bytes = bytes;
    const { length } = this.needle;
    // What starts behind this is told when the rest of its line is there.
    const end = isLast ? bytes.length : Math.max(this.#next, bytes.length - length - CONTEXT);
    const searched = bytes.subarray(0, isLast ? end : end + length - 1);
    const room = this.limit - this.matches.length;
    const found = this.codec.search(searched, this.needle, this.#next, room + 1);
    this.hasMore = found.length > room;
    for (const at of found.slice(0, room)) this.#tell(at);
    this.isOver = isLast || this.hasMore;
    if (this.isOver) this.#bytes = new Uint8Array();
    else this.#slide(Math.max(end, (found.at(-1) ?? -length) + length));
  }

  #tell(at: number): void {
    // A match starts where a character does, whatever bytes are before it.
    this.#countTo(at);
    const bytes = this.#bytes;
    const from = this.#textStart(at);
    const to = this.#textEnd(at);
    const before = decodeUtf8(bytes.subarray(from, Math.min(at, to))).length;
    const matched = decodeUtf8(bytes.subarray(at, Math.min(at + this.needle.length, to))).length;
    const text = decodeUtf8(bytes.subarray(from, to));
    this.matches.push({ line: this.#line, column: this.#units + 1, text, start: before, end: before + matched });
  }

  /** Where what is shown of a line starts: at its start, or with a character near the match. */
  #textStart(at: number): number {
    if (this.#lineStart >= at - CONTEXT) return this.#lineStart;
    let start = at - CONTEXT;
    while (start < at && isContinuation(this.#bytes[start])) start++;
    return start;
  }

  /** Where it ends: at the end of the line, or with a character. All that is shown has come. */
  #textEnd(at: number): number {
    const bytes = this.#bytes;
    let end = Math.min(bytes.length, at + this.needle.length + CONTEXT);
    const newline = bytes.subarray(at, end).indexOf(NEWLINE);
    if (newline >= 0) {
      end = at + newline;
      return end > this.#lineStart && bytes[end - 1] === RETURN ? end - 1 : end;
    }
    while (end > at && isContinuation(bytes[end])) end--;
    return end;
  }

  /** Counts lines, and characters of the last one. Precondition: a character starts at `to`. */
  #countTo(to: number): void {
    const bytes = this.#bytes;
    for (;;) {
      if (this.#newline < this.#counted) this.#newline = indexOrEnd(bytes, NEWLINE, this.#counted);
      if (this.#newline >= to) break;
      this.#counted = this.#newline + 1;
      this.#lineStart = this.#counted;
      this.#line++;
      this.#units = 0;
    }
    this.#units += decodeUtf8(bytes.subarray(this.#counted, to)).length;
    this.#counted = to;
  }

  /** Lets go of what no match needs any more, where none starts before `next`. */
  #slide(next: number): void {
    const kept = characterAt(this.#bytes, Math.max(0, next - CONTEXT));
    if (kept > this.#counted) this.#countTo(kept);
    this.#bytes = this.#bytes.slice(kept);
    this.#next = next - kept;
    this.#counted -= kept;
    this.#lineStart -= kept;
    this.#newline = -1;
  }
}

function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}

/** Where the character starts to which the byte at a place belongs: none has more than three bytes behind its first. */
function characterAt(bytes: Uint8Array, place: number): number {
  if (!isContinuation(bytes[place])) return place;
  for (let back = 1; back <= 3; back++) if (!isContinuation(bytes[place - back])) return Math.max(0, place - back);
  return place;
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
