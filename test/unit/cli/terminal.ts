/* Runs command lines in this process, and keeps what they say. */

import { run } from '../../../src/cli/run.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function stratafs(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const out: Uint8Array[] = [];
  let err = '';
  const code = await run(args, { out: (text) => out.push(Buffer.from(text)), err: (text) => (err += text), env });
  return { code, out: Buffer.concat(out).toString(), err };
}
