#!/usr/bin/env node
/* Where `stratafs` starts. */

import { writeSync } from 'node:fs';
import { run } from './run.ts';

/** Between tries. */
const PAUSE_MS = 5;

/** Waits for whoever reads a pipe: a write that fails with EAGAIN is tried again, and a reader that has gone ends the program. */
function write(descriptor: number, output: string | Uint8Array): void {
  const bytes = typeof output === 'string' ? Buffer.from(output) : output;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (e) {
      const { code } = e as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

process.exitCode = await run(process.argv.slice(2), { out: (text) => write(1, text), err: (text) => write(2, text), env: process.env });
