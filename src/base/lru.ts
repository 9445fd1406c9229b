/* A map with a byte budget: what was used longest ago leaves first. */

/**
 * A least-recently-used cache bounded by bytes.
 *
 * @example
 * const cache = new Lru<number, Uint8Array>(32 << 20, (bytes) => bytes.length);
 */
export class Lru<K, V> {
  readonly #map = new Map<K, V>();
  #bytes = 0;

  constructor(
    readonly limit: number,
    private readonly sizeOf: (value: V) => number,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Looks a value up and marks it as used. */
  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  /** Keeps a value, unless it alone is over the budget. */
  set(key: K, value: V): void {
    this.delete(key);
    const size = this.sizeOf(value);
    if (size > this.limit) return;
    this.#map.set(key, value);
    this.#bytes += size;
    for (const oldest of this.#map.keys()) {
      if (this.#bytes <= this.limit) break;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const value = this.#map.get(key);
    if (value === undefined) return;
    this.#map.delete(key);
    this.#bytes -= this.sizeOf(value);
  }

  clear(): void {
    this.#map.clear();
    this.#bytes = 0;
  }
}
