/*
 * Runs the facts from a given one on for one subject, in a process of its own, and sends a message as each begins and ends: the
 * parent ends this process when nothing comes.
 */

import { argv } from 'node:process';
import { FACTS } from './facts.ts';
import { runFact } from './run-fact.ts';
import { SUBJECTS } from './subjects.ts';

export interface ColumnMessage {
  /** Position of the fact. */
  readonly fact: number;
  readonly cell: string;
}

/** The comparison itself is wrong. */
export interface FaultMessage {
  readonly fault: string;
}

const [name = '', first = '0'] = argv.slice(2);
let current = Number(first);

const send = (cell: string): Promise<void> =>
  new Promise((resolve) => process.send!({ fact: current, cell } satisfies ColumnMessage, () => resolve()));

// What a library does behind the back of a call is judged by what the calls give.
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', (e) => {
  void send(`no (throws behind the call's back: ${e.message})`).then(() => process.exit(0));
});

const subject = await SUBJECTS.get(name)!();
process.send!({ title: subject.title, version: subject.version, setup: subject.setup });
try {
  for (; current < FACTS.length; current++) await send(await runFact(subject, FACTS[current]!));
} catch (e) {
  process.send!({ fault: `${FACTS[current]?.name}: ${e instanceof Error ? e.stack : String(e)}` } satisfies FaultMessage);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
process.exit(0);
