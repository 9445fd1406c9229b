/* `stratafs index`: writes the index of a folder that a static host serves. */

import { basename, dirname, join, resolve } from 'node:path';
import { INDEX_NAME } from '../lower/directory-layer.ts';
import { indexDirectory } from '../pack/directory.ts';
import { parseLine } from './arguments.ts';
import { ownerOf, timeOf, warn, writeWhole } from './pack.ts';
import { ExitCode, type Terminal, UsageError } from './terminal.ts';

export const directoryHelp = `stratafs index FOLDER

Writes ${INDEX_NAME} into a folder, so that a static host that serves the folder serves a lower: { directory: URL }. It lists what
is in the folder, with the digest of each file. The same tree and options give the same bytes. Write it again when a file changes.

  -o, --output FILE     another name of it in the folder, which must end in .json
  --exclude PATTERN     leave out what matches and what is below: * within a component, ** for any number;
                        may be repeated
  --mtime TIME          no entry is later: seconds since 1970 or a date. Default: the environment's SOURCE_DATE_EPOCH
  --owner UID:GID|keep  owner of everything. Default: 0:0
  --json                print JSON

Examples:
  stratafs index public/template --exclude .git`;

export async function directory(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, {
    output: { type: 'string', short: 'o' },
    exclude: { type: 'string', multiple: true },
    mtime: { type: 'string' },
    owner: { type: 'string' },
    json: { type: 'boolean' },
  });
  const [folder, ...more] = parsed.positionals;
  if (folder === undefined || more.length > 0) throw new UsageError('index takes one folder');
  const output = parsed.value('output') ?? join(folder, INDEX_NAME);
  if (resolve(dirname(output)) !== resolve(folder) || !output.endsWith('.json'))
    throw new UsageError(`the index must be a .json file in the folder itself, not ${output}`);
  const index = await indexDirectory(folder, {
    exclude: parsed.values('exclude'),
    latest: timeOf(parsed.value('mtime') ?? terminal.env.SOURCE_DATE_EPOCH),
    owner: ownerOf(parsed.value('owner')),
    name: basename(output),
  });
  writeWhole(output, index.bytes);
  warn(index, terminal);
  const { bytes, ...summary } = index;
  if (parsed.flag('json')) terminal.out(`${JSON.stringify({ output, size: bytes.length, ...summary }, undefined, 2)}\n`);
  else terminal.out(`${output}: ${index.entries} entries, ${bytes.length} bytes\n  integrity ${index.integrity}\n`);
  return ExitCode.OK;
}
