/* `stratafs ls`: what an archive holds. */

import { archiveHelp, archiveOptions, entryAt, openNamed, parseLine } from './arguments.ts';
import { type Listed, below, describe, modeText, timeText } from './listing.ts';
import { ExitCode, type Terminal, UsageError, printable } from './terminal.ts';

export const lsHelp = `stratafs ls ARCHIVE [PATH]

Lists an archive (a file or a URL), or what is at and below a path of it: mode, owner, size, time (UTC), name.
Of a zip or an eStargz only the index is read.

${archiveHelp}

Examples:
  stratafs ls template.zip
  stratafs ls https://host/base.esgz /src`;

export async function ls(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseLine(args, archiveOptions);
  const [archive, path = '/', ...more] = parsed.positionals;
  if (archive === undefined || more.length > 0) throw new UsageError('ls takes an archive and a path');
  const layer = await openNamed(archive, parsed);
  try {
    const listed: Listed[] = [];
    for (const entry of below(layer.table, entryAt(layer, path))) if (entry !== 0) listed.push(await describe(layer, entry));
    if (parsed.flag('json')) terminal.out(`${JSON.stringify(listed, undefined, 2)}\n`);
    else terminal.out(table(listed));
    for (const { entry, message } of layer.warnings) terminal.err(`warning: ${printable(entry)}: ${printable(message)}\n`);
  } finally {
    await layer.close();
  }
  return ExitCode.OK;
}

function table(listed: readonly Listed[]): string {
  const rows = listed.map((entry) => ({ entry, owner: `${entry.uid}:${entry.gid}`, size: String(entry.size) }));
  const width = (column: 'owner' | 'size'): number => rows.reduce((most, row) => Math.max(most, row[column].length), 0);
  const [owners, sizes] = [width('owner'), width('size')];
  const lines = rows.map(({ entry, owner, size }) => {
    const mode = entry.type === 'whiteout' ? 'whiteout  ' : modeText(entry.mode);
    const target = entry.target === undefined ? '' : ` -> ${printable(entry.target)}`;
    return `${mode} ${owner.padEnd(owners)} ${size.padStart(sizes)} ${timeText(entry.mtimeMs)} ${printable(entry.path)}${target}\n`;
  });
  return lines.join('');
}
