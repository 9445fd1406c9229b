/*
 * What was written to an open file and has not been flushed. ZenFS has a cache for this, which we do not use: where a write covers
 * an earlier one it did not touch at its start, the earlier bytes win.
 */

/** Bytes for a position. */
export interface Patch {
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface Run {
  start: number;
  end: number;
  /** May be longer than the run: it grows by doubling, because most writes go on where the last one ended. */
  memory: Uint8Array;
}

export class WriteBuffer {
  /** Ascending; between two runs there is at least one byte. */
  #runs: Run[] = [];
  #truncateTo: number | undefined;

  /** The smallest size that the file was cut to, where it was; what lies behind it is no longer the engine's to give. */
  get truncateTo(): number | undefined {
    return this.#truncateTo;
  }

  /** Ascending, without overlaps. The bytes are this buffer's own. */
  get patches(): Patch[] {
    return this.#runs.map(({ start, end, memory }) => ({ position: start, bytes: memory.subarray(0, end - start) }));
  }

  /** Copies the bytes. */
  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    const from = this.#runs.findIndex((run) => run.end >= position);
    const after = this.#runs.findIndex((run) => run.start > end);
    const index = from < 0 ? this.#runs.length : from;
    const touched = this.#runs.slice(index, after < 0 ? undefined : after);
    const first = touched[0];
    const start = Math.min(position, first?.start ?? position);
    const run: Run = { start, end: Math.max(end, touched.at(-1)?.end ?? end), memory: new Uint8Array(0) };
    run.memory = first?.start === start ? grown(first, run.end - start) : new Uint8Array(run.end - start);
    for (const old of touched)
      if (old.memory !== run.memory) run.memory.set(old.memory.subarray(0, old.end - old.start), old.start - start);
    run.memory.set(bytes, position - start);
    this.#runs.splice(index, touched.length, run);
  }

  truncate(size: number): void {
    this.#truncateTo = Math.min(this.#truncateTo ?? size, size);
    this.#runs = this.#runs.filter((run) => run.start < size);
    for (const run of this.#runs) run.end = Math.min(run.end, size);
  }

  /** Puts what was written over `into`, which holds the file's bytes from `start`. */
  overlay(into: Uint8Array, start: number): void {
    const end = start + into.length;
    for (const { position, bytes } of this.patches) {
      const from = Math.max(position, start);
      const to = Math.min(position + bytes.length, end);
      if (from < to) into.set(bytes.subarray(from - position, to - position), from - start);
    }
  }

  clear(): void {
    this.#runs = [];
    this.#truncateTo = undefined;
  }
}

/** A run's memory, with room for `size` bytes. */
function grown({ start, end, memory }: Run, size: number): Uint8Array {
  if (memory.length >= size) return memory;
  const larger = new Uint8Array(Math.max(size, memory.length * 2));
  larger.set(memory.subarray(0, end - start));
  return larger;
}
