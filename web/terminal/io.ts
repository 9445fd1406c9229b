/* What a command of the terminal gets: the file system, where it runs, where its output goes. */

import type { fs } from '@zenfs/core';

/** The `node:fs/promises` of ZenFS. */
export type ShellFs = typeof fs.promises;

export interface Io {
  readonly fs: ShellFs;
  readonly cwd: string;
  /** Output of the command before the `|`. */
  readonly stdin: string | undefined;
  write(text: string): void;
  /** Says what went wrong; the command goes on and fails in the end. */
  fail(text: string): void;
  /** @throws {Interrupted} when the user asked to stop. */
  check(): void;
}

/** Resolves to nothing; the status follows from what was failed. */
export type Command = (io: Io, args: readonly string[]) => Promise<void>;

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Splits options from operands. `valued` are the letters that take the next argument. */
export function options(
  args: readonly string[],
  known: string,
  valued = '',
): { flags: ReadonlySet<string>; values: ReadonlyMap<string, string>; operands: string[] } {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const operands: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return { flags, values, operands: [...operands, ...rest] };
    if (!/^-./.test(arg)) {
      operands.push(arg);
      continue;
    }
    for (const letter of arg.slice(1)) {
      if (valued.includes(letter)) values.set(letter, rest.shift() ?? '');
      else if (known.includes(letter)) flags.add(letter);
      else throw new Error(`unknown option -${letter}`);
    }
  }
  return { flags, values, operands };
}

/** An absolute path without `.` and `..`. */
export function resolve(cwd: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Something failed, as a shell words it: without the code's name and the path, which stands before it. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+ '.*$/, '');
}

/** Runs over operands; what fails is told and the rest goes on. */
export async function forEach(io: Io, operands: readonly string[], run: (path: string, operand: string) => Promise<void>): Promise<void> {
  for (const operand of operands) {
    io.check();
    try {
      await run(resolve(io.cwd, operand), operand);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      io.fail(`${operand}: ${reasonOf(error)}`);
    }
  }
}

/** One entry met on a walk. */
export interface Visit {
  readonly path: string;
  /** As the user would write it: starting with the operand. */
  readonly shown: string;
  readonly kind: 'f' | 'd' | 'l';
  readonly depth: number;
}

/** Walks a tree, parents first. Symbolic links are not followed. */
export async function* walk(io: Io, path: string, shown: string, depth = 0): AsyncGenerator<Visit> {
  io.check();
  const stats = depth === 0 ? await io.fs.lstat(path) : undefined;
  if (stats !== undefined) yield { path, shown, kind: stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : 'f', depth };
  if (stats !== undefined && !stats.isDirectory()) return;
  const entries = await io.fs.readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const below = {
      path: path === '/' ? `/${entry.name}` : `${path}/${entry.name}`,
      shown: shown.endsWith('/') ? shown + entry.name : `${shown}/${entry.name}`,
    };
    const kind = entry.isDirectory() ? 'd' : entry.isSymbolicLink() ? 'l' : 'f';
    yield { ...below, kind, depth: depth + 1 };
    if (kind === 'd') yield* walk(io, below.path, below.shown, depth + 1);
  }
}
