/* Runs command lines in the worker over ZenFS. One at a time; the page shows what they write while they run. */

import type { Finished } from '../wire.ts';
import type { Command, Io, ShellFs } from './io.ts';
import { Interrupted, reasonOf, resolve } from './io.ts';
import type { Pipeline, Word } from './parse.ts';
import { globToRegExp, parse } from './parse.ts';
import { readingCommands } from './reading.ts';
import { writingCommands } from './writing.ts';

const commands: ReadonlyMap<string, Command> = new Map([...readingCommands, ...writingCommands]);

const HELP = `Look   ls [-la]  cat  head  tail  stat  readlink  pwd  cd
Find   find [where] [-name '*.ts'] [-type f|d|l] [-maxdepth n]
       grep [-rinlcvF] pattern [where]    wc [-lwc]    du [-sh]
Change mkdir [-p]  touch  rm [-rf]  mv  cp [-r]  ln [-s]  chmod  echo
       a | b   a > file   a >> file   a && b   a ; b   *.ts
Keys   Tab completes, up and down recall, Ctrl C stops, Ctrl L clears

The commands run in the worker. They call node:fs of ZenFS, which has the
workspace mounted at /; the tree and the editor call the engine directly.
`;

/** Milliseconds in which output is gathered before it is sent to the page. */
const GATHER = 30;

export class Shell {
  /** Set before anything is run. */
  fs!: ShellFs;
  #interrupted = false;

  interrupt(): void {
    this.#interrupted = true;
  }

  async run(line: string, cwd: string, send: (text: string) => void): Promise<Finished> {
    this.#interrupted = false;
    const output = new Output(send);
    let status = 0;
    let at = cwd;
    try {
      for (const pipeline of parse(line)) {
        if (pipeline.onlyAfterSuccess && status !== 0) continue;
        ({ status, cwd: at } = await this.#runPipeline(pipeline, at, output));
      }
    } catch (error) {
      output.write(error instanceof Interrupted ? '^C\n' : `${reasonOf(error)}\n`);
      status = error instanceof Interrupted ? 130 : 2;
    }
    output.flush();
    return { status, cwd: at };
  }

  /** Names that the last word could become: commands for the first word, else paths. */
  async complete(line: string, cwd: string): Promise<string[]> {
    const word = /\S*$/.exec(line)?.[0] ?? '';
    if (line.trimStart() === word) return [...commands.keys(), 'cd', 'help', 'clear'].filter((name) => name.startsWith(word)).sort();
    const slash = word.lastIndexOf('/') + 1;
    const directory = resolve(cwd, word.slice(0, slash) || '.');
    const entries = await this.fs.readdir(directory, { withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.name.startsWith(word.slice(slash)))
      .map((entry) => `${word.slice(0, slash)}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort();
  }

  async #runPipeline({ stages, redirect }: Pipeline, cwd: string, output: Output): Promise<Finished> {
    let stdin: string | undefined;
    let failed = false;
    let at = cwd;
    for (const [i, stage] of stages.entries()) {
      const collected: string[] = [];
      const last = i === stages.length - 1 && redirect === undefined;
      const [name = '', ...args] = (await Promise.all(stage.words.map((word) => this.#expand(word, cwd)))).flat();
      failed = false;
      const io: Io = {
        fs: this.fs,
        cwd,
        stdin,
        write: (text) => (last ? output.write(text) : void collected.push(text)),
        fail: (text) => {
          failed = true;
          output.write(`${name}: ${text}\n`);
        },
        check: () => {
          if (this.#interrupted) throw new Interrupted();
        },
      };
      if (name === 'cd') at = await this.#changeDirectory(io, args[0] ?? '/');
      else await runCommand(io, name, args);
      stdin = collected.join('');
    }
    if (redirect !== undefined) {
      const path = resolve(cwd, redirect.to.text);
      await (redirect.append ? this.fs.appendFile(path, stdin ?? '') : this.fs.writeFile(path, stdin ?? ''));
    }
    return { status: failed ? 1 : 0, cwd: at };
  }

  async #changeDirectory(io: Io, to: string): Promise<string> {
    const path = resolve(io.cwd, to);
    try {
      if ((await this.fs.stat(path)).isDirectory()) return path;
      io.fail(`${to}: not a directory`);
    } catch (error) {
      io.fail(`${to}: ${reasonOf(error)}`);
    }
    return io.cwd;
  }

  /** The names that a pattern stands for; the pattern itself where there are none. */
  async #expand(word: Word, cwd: string): Promise<string[]> {
    if (!word.pattern) return [word.text];
    let found = [word.text.startsWith('/') ? '/' : ''];
    for (const part of word.text.split('/').filter((piece) => piece !== '')) {
      const next: string[] = [];
      const expression = globToRegExp(part);
      for (const prefix of found) {
        const names = await this.fs.readdir(resolve(cwd, prefix || '.')).catch(() => []);
        const fits = names.filter((name) => expression.test(name) && (part.startsWith('.') || !name.startsWith('.')));
        next.push(...fits.sort().map((name) => (prefix === '' || prefix.endsWith('/') ? prefix + name : `${prefix}/${name}`)));
      }
      found = next;
    }
    return found.length > 0 ? found : [word.text];
  }
}

async function runCommand(io: Io, name: string, args: readonly string[]): Promise<void> {
  if (name === 'help') return io.write(HELP);
  const command = commands.get(name);
  if (command === undefined) return io.fail('there is no such command; try help');
  try {
    await command(io, args);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    io.fail(reasonOf(error));
  }
}

/** Sends output in portions: a message for every line would keep both sides busy. */
class Output {
  readonly #send: (text: string) => void;
  #waiting: string[] = [];
  #sent = performance.now();

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  write(text: string): void {
    this.#waiting.push(text);
    if (performance.now() - this.#sent > GATHER) this.flush();
  }

  flush(): void {
    this.#sent = performance.now();
    if (this.#waiting.length > 0) this.#send(this.#waiting.join(''));
    this.#waiting = [];
  }
}
