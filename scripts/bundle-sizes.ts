/* What a page and its worker load, gzipped, and what they may: checked by every build, and by the test of the packed package. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';

/** Bytes: DESIGN.md, "the page bundle holds the client only". */
export const PAGE_BUDGET = 8 * 1024;
export const WORKER_BUDGET = 120 * 1024;

/** Bytes. */
export interface BundleSizes {
  /** The client as an application bundles it, dependencies included. */
  readonly page: number;
  /** The packaged worker. */
  readonly worker: number;
  /** What it loads when it needs it. */
  readonly formats: number;
  readonly writers: number;
  readonly zstd: number;
}

/** Sizes of what is in `dist`. */
export async function bundleSizes(dist: string): Promise<BundleSizes> {
  const { output } = await build({
    input: join(dist, 'index.js'),
    platform: 'browser',
    write: false,
    logLevel: 'silent',
    output: { format: 'esm', minify: true, codeSplitting: false },
  });
  const sizeOf = async (name: string): Promise<number> => gzipSync(await readFile(join(dist, name))).length;
  const [worker, formats, writers, zstd] = await Promise.all(['worker.js', 'formats.js', 'writers.js', 'zstd.js'].map(sizeOf));
  return { page: gzipSync(output[0].code).length, worker: worker!, formats: formats!, writers: writers!, zstd: zstd! };
}

/** @throws when one is over its budget */
export function assertBudgets({ page, worker }: Pick<BundleSizes, 'page' | 'worker'>): void {
  if (page > PAGE_BUDGET) throw new Error(`the page's client takes ${page} bytes gzipped, and may take ${PAGE_BUDGET}`);
  if (worker > WORKER_BUDGET) throw new Error(`the worker takes ${worker} bytes gzipped, and may take ${WORKER_BUDGET}`);
}
