/*
 * One guard file, open: an append-only log of commits behind an image of the upper. Owns where the file ends and how far it has come.
 * Everything is synchronous; errors of the file come out as they are, and leave the log as it was before the call, or `broken`.
 *
 * Opening hops from frame to frame over their fixed parts and reads no content, but of the last frames, which may not have reached the
 * disk before a crash: each frame says how far the file was flushed when it was written. What is torn is cut off.
 */

import type { Commit, UpperVersion } from '../layer/upper.ts';
import type { SyncFile } from '../storage/opfs.ts';
import {
  FRAME_START,
  type FrameStart,
  type GuardHeader,
  HEADER_SIZE,
  decodeFrameContent,
  decodeFrameStart,
  decodeHeader,
  encodeFrame,
  encodeHeader,
  frameSize,
} from './guard-format.ts';

/** Bytes that are read at once while hopping: hundreds of small frames. */
const WINDOW = 64 << 10;

/** Unflushed bytes beyond which a relaxed commit is flushed too: opening has to verify what was not. */
const UNFLUSHED_LIMIT = 1 << 20;

/** How far a log can be read, every checksum looked at. */
export interface Reach {
  /** Of the last commit before the first damage. */
  readonly sequence: number;
  /** The image is there in full. Therefore what the log gives up to `sequence` is the upper after that commit. */
  readonly image: boolean;
  /** There is no damage. */
  readonly whole: boolean;
}

export class GuardLog {
  #header: GuardHeader;
  #end = HEADER_SIZE;
  #sequence: number;
  #durable = 0;
  #frames = 0;
  #lost: number | undefined;
  #isTorn = false;
  /** Where the last commit starts, as long as it can be taken back. */
  #lastCommit: number | undefined;

  private constructor(
    private readonly file: SyncFile,
    header: GuardHeader,
  ) {
    this.#header = header;
    this.#sequence = header.base;
  }

  /** Starts a log in a file, whatever stands there. It is not complete until `complete()`. @throws DOMException */
  static create(file: SyncFile, version: UpperVersion, outdates?: number): GuardLog {
    const header = { generation: version.generation, base: version.sequence, imageEnd: HEADER_SIZE, complete: false, outdates };
    file.truncate(0);
    file.write(encodeHeader(header), 0);
    file.flush();
    return new GuardLog(file, header);
  }

  /** What the file's header says; `undefined` where the file is no guard of this version. */
  static readHeader(file: SyncFile): GuardHeader | undefined {
    const bytes = new Uint8Array(HEADER_SIZE);
    return file.read(bytes, 0) === HEADER_SIZE ? decodeHeader(bytes) : undefined;
  }

  /** Opens a complete log and cuts off what a crash has torn; `undefined` where the file is none. @throws DOMException */
  static open(file: SyncFile): GuardLog | undefined {
    const header = GuardLog.readHeader(file);
    if (header?.complete !== true) return undefined;
    const log = new GuardLog(file, header);
    log.#find();
    return log;
  }

  get version(): UpperVersion {
    return { generation: this.#header.generation, sequence: this.#sequence };
  }
  /** Sequence of the upper that the image shows. Later commits are in the log one by one. */
  get base(): number {
    return this.#header.base;
  }
  /** As the file's header has it. */
  get outdates(): number | undefined {
    return this.#header.outdates;
  }
  /** The last commit that had reached the disk behind a damage: what is damaged was not torn by a crash. `undefined` where nothing is. */
  get lost(): number | undefined {
    return this.#lost;
  }
  /** What a crash has torn stands behind it, and could not be cut off. Therefore nothing may be appended. */
  get isTorn(): boolean {
    return this.#isTorn;
  }
  /** Bytes. */
  get size(): number {
    return this.#end;
  }
  /** Bytes that the upper took when the image was written. */
  get imageSize(): number {
    return this.#header.imageEnd;
  }
  get frames(): number {
    return this.#frames;
  }

  /**
   * Appends a commit. It is on the disk after `flush()`.
   * @throws DOMException, RangeError where one is missing before it; then the log is as before
   */
  append(sequence: number, commit: Commit): void {
    if (sequence !== this.#sequence + 1) throw new RangeError(`commit ${sequence} behind ${this.#sequence}`);
    const start = this.#end;
    this.#write('commit', sequence, commit);
    this.#sequence = sequence;
    this.#lastCommit = start;
    if (this.#end - this.#durable > UNFLUSHED_LIMIT) this.flush();
  }

  /** Appends a part of the image and flushes it. @throws DOMException; then the log is as before */
  appendImage(part: Omit<Commit, 'durability'>): void {
    this.#write('image', this.#header.base, part);
    this.#lastCommit = undefined;
    this.flush();
  }

  /** What was appended is on the disk afterwards. @throws DOMException */
  flush(): void {
    this.file.flush();
    this.#durable = this.#end;
  }

  /** Takes the last commit back, durably: nothing of it is found later. Nothing may have been appended behind it. @throws DOMException */
  takeBack(): void {
    const start = this.#lastCommit;
    if (start === undefined) throw new RangeError('there is no commit to take back');
    this.file.truncate(start);
    this.file.flush();
    this.#end = start;
    this.#durable = start;
    this.#sequence--;
    this.#frames--;
    this.#lastCommit = undefined;
  }

  /** Says that the image is whole. @throws DOMException */
  complete(): void {
    this.flush();
    this.#header = { ...this.#header, imageEnd: this.#end, complete: true };
    // Commit point: from here on the upper can be rebuilt from this file. A header that is torn reads as none.
    this.file.write(encodeHeader(this.#header), 0);
    this.file.flush();
  }

  /** Gives the space back: nothing can be rebuilt from the file any more. What it says of older files stays. @throws DOMException */
  empty(): void {
    const says = this.outdates !== undefined && !this.#header.complete;
    this.file.truncate(says ? HEADER_SIZE : 0);
    this.file.flush();
  }

  close(): void {
    this.file.close();
  }

  /** Reads everything, to see how far it can be trusted. */
  reach(): Reach {
    let sequence = this.base;
    let end = HEADER_SIZE;
    for (const frame of this.#read()) {
      if (frame.commit === undefined) return { sequence, image: end >= this.#header.imageEnd, whole: false };
      if (frame.start.kind === 'commit') sequence = frame.start.sequence;
      end = frame.end;
    }
    return { sequence, image: this.#end >= this.#header.imageEnd, whole: this.#lost === undefined };
  }

  /** What the log holds, in order, the image too: up to the commit `last`. */
  *everything(last: number): Generator<Commit> {
    for (const { start, commit } of this.#read()) {
      if (commit === undefined || start.sequence > last) return;
      yield commit;
    }
  }

  /** The commits behind `after`, in order, until the end or the first damage. @throws RangeError where the image is of a later state */
  *commits(after: number): Generator<{ readonly sequence: number; readonly commit: Commit }> {
    if (after < this.base) throw new RangeError(`the log starts behind commit ${this.base}`);
    for (const { start, commit } of this.#read((frame) => frame.kind === 'commit' && frame.sequence > after)) {
      if (commit === undefined) return;
      yield { sequence: start.sequence, commit };
    }
  }

  #write(kind: FrameStart['kind'], sequence: number, commit: Omit<Commit, 'durability'>): void {
    const start = this.#end;
    let at = start;
    try {
      for (const piece of encodeFrame({ kind, sequence, durable: this.#durable }, commit)) {
        this.file.write(piece, at);
        at += piece.length;
      }
    } catch (e) {
      this.file.truncate(start);
      throw e;
    }
    this.#end = at;
    this.#frames++;
  }

  /** Finds the end of what is whole and cuts the rest off. */
  #find(): void {
    const size = this.file.size();
    const starts: { at: number; start: FrameStart }[] = [];
    for (const frame of this.#hop(size)) starts.push(frame);
    const last = starts.at(-1);
    const durable = last?.start.durable ?? HEADER_SIZE;
    for (const { at, start } of starts) {
      if (at >= durable && this.#content(at, start) === undefined) break;
      this.#end = at + frameSize(start);
      this.#frames++;
      if (start.kind === 'commit') this.#sequence = start.sequence;
    }
    this.#durable = this.#end;
    if (this.#end === size && size >= this.#header.imageEnd) return;
    const isImageCut = this.#end < this.#header.imageEnd;
    this.#lost = this.#lastFlushed(this.#end, size) ?? (isImageCut ? this.#sequence : undefined);
    if (this.#lost === undefined) this.#cut();
  }

  /** Where that fails, what stands before it can be read all the same. */
  #cut(): void {
    try {
      this.file.truncate(this.#end);
      this.file.flush();
    } catch (e) {
      if (!(e instanceof DOMException)) throw e;
      this.#isTorn = true;
    }
  }

  /** The last commit behind `from` that was written when what stands at `from` was on the disk already. */
  #lastFlushed(from: number, size: number): number | undefined {
    const window = new Uint8Array(WINDOW);
    let last: number | undefined;
    // Windows overlap, so that each frame starts whole in one of them.
    for (let at = from; at + FRAME_START <= size; at += WINDOW - FRAME_START) {
      const end = this.file.read(window, at);
      for (let i = 0; i + FRAME_START <= end; i++) {
        const start = decodeFrameStart(window, i);
        if (start?.kind === 'commit' && start.durable > from) last = start.sequence;
      }
    }
    return last;
  }

  /** The frames by their fixed parts, as long as one follows the other and the sequence has no gap. */
  *#hop(size: number): Generator<{ at: number; start: FrameStart }> {
    let at = HEADER_SIZE;
    let sequence = this.#header.base;
    const window = new Uint8Array(WINDOW);
    let windowAt = 0;
    let windowEnd = 0;
    let last = at;
    while (at + FRAME_START <= size) {
      if (at < windowAt || at + FRAME_START > windowEnd) {
        // Behind a large frame there is probably another one: no more than its fixed part is read.
        const isLarge = at - last > WINDOW;
        windowAt = at;
        windowEnd = at + this.file.read(isLarge ? window.subarray(0, FRAME_START) : window, at);
      }
      const start = at + FRAME_START <= windowEnd ? decodeFrameStart(window, at - windowAt) : undefined;
      if (start === undefined || at + frameSize(start) > size) return;
      if (start.sequence !== (start.kind === 'commit' ? ++sequence : this.#header.base)) return;
      yield { at, start };
      last = at;
      at += frameSize(start);
    }
  }

  /** The frames that are `wanted`, with their content; the first that is damaged without it, and none behind that. */
  *#read(
    wanted: (start: FrameStart) => boolean = () => true,
  ): Generator<{ readonly start: FrameStart; readonly commit: Commit | undefined; readonly end: number }> {
    let expected = HEADER_SIZE;
    for (const { at, start } of this.#hop(this.#end)) {
      expected = at + frameSize(start);
      if (!wanted(start)) continue;
      const commit = this.#content(at, start);
      yield { start, commit, end: expected };
      if (commit === undefined) return;
    }
    if (expected < this.#end)
      yield { start: { kind: 'commit', sequence: NaN, durable: 0, headLength: 0, bodyLength: 0 }, commit: undefined, end: expected };
  }

  #content(at: number, start: FrameStart): Commit | undefined {
    const content = new Uint8Array(frameSize(start) - FRAME_START);
    return this.file.read(content, at + FRAME_START) === content.length ? decodeFrameContent(start, content) : undefined;
  }
}
