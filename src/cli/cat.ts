/* `stratafs cat`: the content of files in an archive. Symbolic links are followed, as the mounted tree would. */

import { Overlay } from '../fs/overlay.ts';
import { archiveHelp, archiveOptions, openNamed, parseLine } from './arguments.ts';
import { ExitCode, type Terminal, UsageError } from './terminal.ts';

export const catHelp = `stratafs cat ARCHIVE PATH…

Writes the content of files in an archive. Every byte is verified first, by what the format has for it.

${archiveHelp}

Examples:
  stratafs cat base.esgz /package.json
  stratafs cat --strip 1 react-19.2.0.tgz /index.js`;

/** Bytes at a time. */
const STEP = 1 << 20;

export async function cat(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { json: _, ...options } = archiveOptions;
  const parsed = parseLine(args, options);
  const [archive, ...paths] = parsed.positionals;
  if (archive === undefined || paths.length === 0) throw new UsageError('cat takes an archive and paths');
  const layer = await openNamed(archive, parsed);
  try {
    const overlay = await Overlay.mount({ lower: [layer] });
    for (const path of paths) await copy(overlay, path, terminal);
    await overlay.close();
  } finally {
    await layer.close();
  }
  return ExitCode.OK;
}

async function copy(overlay: Overlay, path: string, terminal: Terminal): Promise<void> {
  const file = await overlay.fs.promises.open(path.startsWith('/') ? path : `/${path}`, 'r');
  try {
    for (;;) {
      const bytes = new Uint8Array(STEP);
      const { bytesRead } = await file.read(bytes, 0, STEP);
      if (bytesRead === 0) return;
      terminal.out(bytes.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
