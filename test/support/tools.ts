/* Tools of the system that tests make archives with, where they are. */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Tells whether a tool is on this machine, and says so where it is not. */
export function hasTool(name: string): boolean {
  const found = (process.env['PATH'] ?? '').split(delimiter).some((at) => at !== '' && existsSync(join(at, name)));
  if (!found) process.stdout.write(`no '${name}' on this machine: its archives are not compared\n`);
  return found;
}
