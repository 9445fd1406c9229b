/* A network to a server, as slow as is wanted: a wait before each answer, and bytes a second that all connections share. Node only. */

import type { ServerResponse } from 'node:http';

/** Bytes that leave at once, so that several connections get their share. */
const PIECE = 16 << 10;
/** Milliseconds by which a timer may be late without the link losing time: it has been sending meanwhile. */
const LATE = 20;

export class Link {
  /** Milliseconds from a request to the first byte of its answer. */
  latency = 0;
  /** Bytes a second, of all connections together. */
  bandwidth = Infinity;
  /** When the last byte that was given to the link will have left it. */
  #free = 0;

  /** Waits as long as a request takes to arrive and its answer to come. */
  async delay(): Promise<void> {
    if (this.latency > 0) await sleep(this.latency);
  }

  /** Sends a body, and ends the answer. Gives up where nobody listens any more. */
  async send(response: ServerResponse, body: Uint8Array): Promise<void> {
    if (this.bandwidth === Infinity) return void response.end(body);
    for (let at = 0; at < body.length; at += PIECE) {
      const piece = body.subarray(at, at + PIECE);
      const now = performance.now();
      const begins = now - this.#free < LATE ? this.#free : now;
      this.#free = begins + (piece.length / this.bandwidth) * 1000;
      const wait = this.#free - now;
      if (wait >= 1) await sleep(wait);
      if (response.destroyed) return;
      response.write(piece);
    }
    response.end();
  }
}

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
