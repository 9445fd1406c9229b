/* The `stratafs` command: which command is meant, and how failures are told: in one line, with the POSIX code. */

import { cat, catHelp } from './cat.ts';
import { check, checkHelp } from './check.ts';
import { diff, diffHelp } from './diff.ts';
import { directory, directoryHelp } from './directory.ts';
import { ls, lsHelp } from './ls.ts';
import { oci, ociHelp, pack, packHelp } from './pack.ts';
import { ExitCode, type Terminal, UsageError, printable } from './terminal.ts';

interface Command {
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<ExitCode>;
  readonly help: string;
}

const commands: ReadonlyMap<string, Command> = new Map([
  ['pack', { run: pack, help: packHelp }],
  ['oci', { run: oci, help: ociHelp }],
  ['index', { run: directory, help: directoryHelp }],
  ['ls', { run: ls, help: lsHelp }],
  ['cat', { run: cat, help: catHelp }],
  ['check', { run: check, help: checkHelp }],
  ['diff', { run: diff, help: diffHelp }],
]);

const overview = `stratafs: archives for in-browser file systems

  stratafs pack SOURCE -o FILE     pack a folder or an archive as eStargz or zip
  stratafs oci SOURCE… -o LAYOUT   make an OCI image layout of several layers
  stratafs index FOLDER            list a folder for a static host that serves it file by file
  stratafs ls ARCHIVE [PATH]       list an archive
  stratafs cat ARCHIVE PATH…       print files of an archive
  stratafs check ARCHIVE…          read and verify everything
  stratafs diff A B                tell what B changes against A

Archives are zip, tar, tar.gz, tar.zst, npm tarballs, eStargz and zstd:chunked, told by their content. 'stratafs COMMAND --help' tells more.

Examples:
  stratafs pack template -o base.esgz
  stratafs ls base.esgz
`;

/** Runs a command line, without the name of the program. Never throws for what a user can cause. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined) {
    terminal.err(overview);
    return ExitCode.FAILED;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.out(overview);
    return ExitCode.OK;
  }
  const command = commands.get(name);
  if (command === undefined) {
    terminal.err(`stratafs: no command '${printable(name)}'; 'stratafs --help' lists them\n`);
    return ExitCode.FAILED;
  }
  const end = rest.indexOf('--');
  if (rest.slice(0, end < 0 ? undefined : end).some((arg) => arg === '--help' || arg === '-h')) {
    terminal.out(`${command.help}\n`);
    return ExitCode.OK;
  }
  try {
    return await command.run(rest, terminal);
  } catch (e) {
    terminal.err(`stratafs ${name}: ${messageOf(e)}\n`);
    if (e instanceof UsageError) terminal.err(`'stratafs ${name} --help' tells more\n`);
    return ExitCode.FAILED;
  }
}

/** One line. Errors of Node have their POSIX code in front already. */
function messageOf(e: unknown): string {
  const text = e instanceof Error ? e.message : String(e);
  return printable(text.replaceAll('\n', ' '));
}
