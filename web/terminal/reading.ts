/* Commands that read: ls, cat, head, tail, find, grep, wc, du, stat, readlink. */

import type { Command, Io } from './io.ts';
import { forEach, options, resolve, walk } from './io.ts';
import { globToRegExp } from './parse.ts';

const ls: Command = async (io, args) => {
  const { flags, operands } = options(args, 'laA1Rh');
  const paths = operands.length > 0 ? operands : ['.'];
  await forEach(io, paths, async (path, operand) => {
    const stats = await io.fs.stat(path).catch(() => io.fs.lstat(path));
    if (!stats.isDirectory()) return io.write(await listed(io, path, operand, flags.has('l')));
    if (paths.length > 1) io.write(`${operand}:\n`);
    const names = (await io.fs.readdir(path)).filter((name) => flags.has('a') || flags.has('A') || !name.startsWith('.')).sort();
    const lines: string[] = [];
    await forEach(io, names, async (_, name) => {
      lines.push(await listed(io, path === '/' ? `/${name}` : `${path}/${name}`, name, flags.has('l')));
    });
    io.write(lines.join(''));
  });
};

async function listed(io: Io, path: string, shown: string, long: boolean): Promise<string> {
  const stats = await io.fs.lstat(path);
  if (!long) return `${shown}${stats.isDirectory() ? '/' : ''}\n`;
  const target = stats.isSymbolicLink() ? ` -> ${await io.fs.readlink(path)}` : '';
  const time = new Date(stats.mtimeMs).toISOString().slice(0, 16).replace('T', ' ');
  return `${modeInWords(stats.mode)} ${String(stats.size).padStart(9)} ${time} ${shown}${target}\n`;
}

function modeInWords(mode: number): string {
  const types = new Map([
    [0o040000, 'd'],
    [0o120000, 'l'],
    [0o010000, 'p'],
  ]);
  const letters = Array.from('rwxrwxrwx', (letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-'));
  return (types.get(mode & 0o170000) ?? '-') + letters.join('');
}

/** The text of each operand, or of what came through the pipe. */
async function texts(io: Io, operands: readonly string[], use: (text: string, operand: string | undefined) => void): Promise<void> {
  if (operands.length === 0) {
    if (io.stdin === undefined) throw new Error('a file is missing');
    return use(io.stdin, undefined);
  }
  await forEach(io, operands, async (path, operand) => use(await io.fs.readFile(path, 'utf8'), operand));
}

const cat: Command = (io, args) =>
  texts(io, options(args, '').operands, (text) =>
    io.write(text === '' || text.endsWith('\n') || io.stdin !== undefined ? text : `${text}\n`),
  );

function ends(keep: (lines: readonly string[], number: number) => readonly string[]): Command {
  return async (io, args) => {
    const short = args.map((arg) => arg.replace(/^-(\d+)$/, '-n$1')).flatMap((arg) => (/^-n\d+$/.test(arg) ? ['-n', arg.slice(2)] : [arg]));
    const { values, operands } = options(short, '', 'n');
    const number = Number(values.get('n') ?? 10);
    await texts(io, operands, (text, operand) => {
      if (operands.length > 1) io.write(`==> ${operand ?? ''} <==\n`);
      const lines = keep(linesOf(text), number);
      if (lines.length > 0) io.write(`${lines.join('\n')}\n`);
    });
  };
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

const find: Command = async (io, args) => {
  const first = args.findIndex((arg) => arg.startsWith('-'));
  const starts = first < 0 ? args : args.slice(0, first);
  const tests = first < 0 ? [] : args.slice(first);
  let name: RegExp | undefined;
  let kind: string | undefined;
  let maxDepth = Infinity;
  for (let i = 0; i < tests.length; i += 2) {
    const value = tests[i + 1];
    if (value === undefined) throw new Error(`a value is missing after ${tests[i] ?? ''}`);
    if (tests[i] === '-name') name = globToRegExp(value);
    else if (tests[i] === '-type') kind = value;
    else if (tests[i] === '-maxdepth') maxDepth = Number(value);
    else throw new Error(`unknown test ${tests[i] ?? ''}; there are -name, -type and -maxdepth`);
  }
  await forEach(io, starts.length > 0 ? starts : ['.'], async (path, operand) => {
    for await (const visit of walk(io, path, operand)) {
      if (visit.depth > maxDepth || (kind !== undefined && visit.kind !== kind)) continue;
      if (name === undefined || name.test(visit.path.slice(visit.path.lastIndexOf('/') + 1))) io.write(`${visit.shown}\n`);
    }
  });
};

const grep: Command = async (io, args) => {
  const { flags, operands } = options(args, 'rRinlvcFE');
  const [pattern, ...where] = operands;
  if (pattern === undefined) throw new Error('a pattern is missing');
  const source = flags.has('F') ? pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&') : pattern;
  const expression = new RegExp(source, flags.has('i') ? 'i' : '');
  const recursive = flags.has('r') || flags.has('R');
  const search = (text: string, shown: string | undefined): void => {
    const found: string[] = [];
    linesOf(text).forEach((line, i) => {
      if (expression.test(line) !== flags.has('v'))
        found.push(`${shown === undefined ? '' : `${shown}:`}${flags.has('n') ? `${i + 1}:` : ''}${line}`);
    });
    if (flags.has('c')) io.write(`${shown === undefined ? '' : `${shown}:`}${found.length}\n`);
    else if (flags.has('l') && found.length > 0) io.write(`${shown ?? '(standard input)'}\n`);
    else if (found.length > 0) io.write(`${found.join('\n')}\n`);
  };
  if (!recursive) return texts(io, where, (text, operand) => search(text, where.length > 1 ? operand : undefined));
  await forEach(io, where.length > 0 ? where : ['.'], async (path, operand) => {
    for await (const visit of walk(io, path, operand)) {
      if (visit.kind !== 'f') continue;
      const text = await io.fs.readFile(visit.path, 'utf8');
      if (!text.includes('\0')) search(text, visit.shown);
    }
  });
};

const wc: Command = async (io, args) => {
  const { flags, operands } = options(args, 'lwc');
  const chosen = flags.size === 0 ? ['l', 'w', 'c'] : ['l', 'w', 'c'].filter((letter) => flags.has(letter));
  const totals = new Map<string, number>();
  const show = (counts: ReadonlyMap<string, number>, name: string): void =>
    io.write(`${chosen.map((letter) => String(counts.get(letter) ?? 0).padStart(7)).join(' ')}${name === '' ? '' : ` ${name}`}\n`);
  await texts(io, operands, (text, operand) => {
    const words = text.match(/\S+/g)?.length ?? 0;
    const counts = new Map([
      ['l', text.split('\n').length - 1],
      ['w', words],
      ['c', new TextEncoder().encode(text).length],
    ]);
    for (const [letter, number] of counts) totals.set(letter, (totals.get(letter) ?? 0) + number);
    show(counts, operand ?? '');
  });
  if (operands.length > 1) show(totals, 'total');
};

const du: Command = async (io, args) => {
  const { flags, operands } = options(args, 'sh');
  const inWords = (size: number): string => (flags.has('h') ? humanSize(size) : String(Math.ceil(size / 1024)));
  await forEach(io, operands.length > 0 ? operands : ['.'], async (path, operand) => {
    const sizes = new Map<string, { shown: string; size: number }>();
    for await (const visit of walk(io, path, operand)) {
      if (visit.kind === 'd') sizes.set(visit.path, { shown: visit.shown, size: 0 });
      const { size } = visit.kind === 'd' ? { size: 0 } : await io.fs.lstat(visit.path);
      if (visit.depth === 0 && visit.kind !== 'd') sizes.set(visit.path, { shown: visit.shown, size: 0 });
      for (let at = visit.path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
        const counted = sizes.get(at);
        if (counted !== undefined) counted.size += size;
        if (at === path || at === '/') break;
      }
    }
    const all = [...sizes.values()];
    for (const { shown, size } of flags.has('s') ? all.slice(0, 1) : all.reverse()) io.write(`${inWords(size).padEnd(8)}${shown}\n`);
  });
};

function humanSize(size: number): string {
  const units = ['B', 'K', 'M', 'G'];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit] ?? ''}`;
}

const stat: Command = (io, args) =>
  forEach(io, options(args, '').operands, async (path, operand) => {
    const stats = await io.fs.lstat(path);
    const rows: readonly (readonly [label: string, value: string | number])[] = [
      ['mode', `${modeInWords(stats.mode)} (${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`],
      ['size', stats.size],
      ['inode', stats.ino],
      ['links', stats.nlink],
      ['modified', new Date(stats.mtimeMs).toISOString()],
    ];
    io.write(`${operand}\n${rows.map(([label, value]) => `  ${label.padEnd(9)} ${value}\n`).join('')}`);
  });

const readlink: Command = (io, args) =>
  forEach(io, options(args, '').operands, async (path) => io.write(`${await io.fs.readlink(path)}\n`));

const pwd: Command = async (io) => io.write(`${resolve(io.cwd, '.')}\n`);

export const readingCommands: ReadonlyMap<string, Command> = new Map([
  ['cat', cat],
  ['du', du],
  ['find', find],
  ['grep', grep],
  ['head', ends((lines, number) => lines.slice(0, number))],
  ['ls', ls],
  ['pwd', pwd],
  ['readlink', readlink],
  ['stat', stat],
  ['tail', ends((lines, number) => (number === 0 ? [] : lines.slice(-number)))],
  ['wc', wc],
]);
