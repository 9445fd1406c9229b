/* Commands that write: echo, mkdir, touch, rm, mv, cp, ln, chmod. */

import type { Command, Io } from './io.ts';
import { forEach, options, resolve } from './io.ts';

const echo: Command = async (io, args) => {
  const bare = args[0] === '-n';
  io.write(`${(bare ? args.slice(1) : args).join(' ')}${bare ? '' : '\n'}`);
};

const mkdir: Command = (io, args) => {
  const { flags, operands } = options(args, 'p');
  return forEach(io, some(operands), async (path) => {
    await io.fs.mkdir(path, { recursive: flags.has('p') });
  });
};

const touch: Command = (io, args) =>
  forEach(io, some(options(args, '').operands), async (path) => {
    const now = new Date();
    if (await io.fs.exists(path)) await io.fs.utimes(path, now, now);
    else await io.fs.writeFile(path, '');
  });

const rm: Command = (io, args) => {
  const { flags, operands } = options(args, 'rRf');
  return forEach(io, some(operands), async (path) => {
    if (path === '/') throw new Error('the root cannot be removed');
    if (flags.has('r') || flags.has('R')) await io.fs.rm(path, { recursive: true, force: flags.has('f') });
    else if (!flags.has('f') || (await io.fs.exists(path))) await io.fs.unlink(path);
  });
};

/** Where each source goes: into the destination where that is a directory. */
async function destinations(io: Io, operands: readonly string[]): Promise<(readonly [from: string, to: string])[]> {
  const to = operands.at(-1);
  if (to === undefined || operands.length < 2) throw new Error('a destination is missing');
  const target = resolve(io.cwd, to);
  const into = await io.fs.stat(target).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!into && operands.length > 2) throw new Error(`${to}: not a directory`);
  return operands.slice(0, -1).map((operand) => {
    const from = resolve(io.cwd, operand);
    return [from, into ? resolve(target, from.slice(from.lastIndexOf('/') + 1)) : target] as const;
  });
}

const mv: Command = async (io, args) => {
  for (const [from, to] of await destinations(io, options(args, 'f').operands)) await io.fs.rename(from, to);
};

const cp: Command = async (io, args) => {
  const { flags, operands } = options(args, 'rRa');
  const recursive = flags.size > 0;
  for (const [from, to] of await destinations(io, operands)) {
    io.check();
    if (recursive) await io.fs.cp(from, to, { recursive: true });
    else await io.fs.copyFile(from, to);
  }
};

const ln: Command = async (io, args) => {
  const { flags, operands } = options(args, 's');
  const [target, name] = operands;
  if (target === undefined || name === undefined) throw new Error('a target and a name are needed');
  if (flags.has('s')) await io.fs.symlink(target, resolve(io.cwd, name));
  else await io.fs.link(resolve(io.cwd, target), resolve(io.cwd, name));
};

const chmod: Command = async (io, args) => {
  const [mode, ...operands] = args;
  if (mode === undefined || !/^[0-7]{3,4}$/.test(mode)) throw new Error('a mode of three or four octal digits is needed');
  await forEach(io, some(operands), (path) => io.fs.chmod(path, parseInt(mode, 8)));
};

function some(operands: readonly string[]): readonly string[] {
  if (operands.length === 0) throw new Error('a name is missing');
  return operands;
}

export const writingCommands: ReadonlyMap<string, Command> = new Map([
  ['chmod', chmod],
  ['cp', cp],
  ['echo', echo],
  ['ln', ln],
  ['mkdir', mkdir],
  ['mv', mv],
  ['rm', rm],
  ['touch', touch],
]);
