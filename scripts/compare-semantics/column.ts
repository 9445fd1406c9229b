/* Fills the column of one subject: in child processes, so that a call that never ends costs one cell and not the table. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ColumnMessage, FaultMessage } from './column-process.ts';
import { FACTS } from './facts.ts';
import type { Subject } from './subject.ts';

const SCRIPT = fileURLToPath(new URL('column-process.ts', import.meta.url));
/** Milliseconds for one fact. The slowest takes half a second. */
const LIMIT = 10_000;
const MEMORY = '--max-old-space-size=1024';

export type Description = Pick<Subject, 'title' | 'version' | 'setup'>;

export interface Column extends Description {
  /** One for each fact, in their order. */
  readonly cells: readonly string[];
}

function start(name: string, first: number): ChildProcess {
  const node = ['--import', 'tsx', MEMORY];
  const args = [name, String(first)];
  if (name !== 'linux') return fork(SCRIPT, args, { execArgv: node, stdio: 'ignore' });
  return fork(SCRIPT, args, { execPath: 'unshare', execArgv: ['--mount', process.execPath, ...node], stdio: 'ignore' });
}

/** Runs facts until the process ends or is ended. Gives what ended it, none when it ran to its end. */
function runFrom(name: string, first: number, onMessage: (message: ColumnMessage | Description) => void): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = start(name, first);
    let stalled = false;
    const stop = (): void => {
      stalled = true;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(stop, LIMIT);
    child.on('message', (message: ColumnMessage | FaultMessage | Description) => {
      clearTimeout(timer);
      timer = setTimeout(stop, LIMIT);
      if ('fault' in message) reject(new Error(message.fault));
      else onMessage(message);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (stalled) resolve('hangs');
      else resolve(code === 0 ? undefined : `no (ends the process: ${signal ?? `exit ${code}`})`);
    });
  });
}

/** Runs every fact on a subject. */
export async function fillColumn(name: string): Promise<Column> {
  const cells: string[] = [];
  let description: Description | undefined;
  while (cells.length < FACTS.length) {
    const first = cells.length;
    const end = await runFrom(name, first, (message) => {
      if ('fact' in message) cells[message.fact] = message.cell;
      else description = message;
    });
    if (description === undefined)
      throw new Error(`${name} does not start here${name === 'linux' ? ': it takes Linux, root and unshare(1)' : ''}`);
    if (end !== undefined) cells.push(end);
    else if (cells.length === first) throw new Error(`${name} ends without an answer`);
  }
  return { ...description!, cells };
}
