/*
 * The summary of what is in bench/results: every task that has a target, with what came of it. `npx tsx bench/render.ts` writes it into
 * docs/PERFORMANCE.md between two marks; so does `npm run bench`. A test compares the document with the results.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../scripts/entries.ts';
import { readReport, suiteNames } from './harness/report.ts';
import type { Report } from './harness/report.ts';
import type { Spread, TaskResult } from './harness/results.ts';
import type { Failure } from './harness/rounds.ts';
import { demandOf, outcomeOf, shown, verdictsOf } from './harness/table.ts';

export const DOCUMENT = join(root, 'docs/PERFORMANCE.md');
const BEGIN = '<!-- results: written by bench/render.ts -->';
const END = '<!-- end of results -->';

/** The reports of all suites that have a target, in the order of their names. */
async function reports(): Promise<(readonly [name: string, report: Report])[]> {
  const found = await Promise.all((await suiteNames()).map(async (name) => [name, await readReport(name)] as const));
  return found.filter((each): each is readonly [string, Report] => each[1]?.tasks.some(({ target }) => target !== undefined) === true);
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const milliseconds = (s: Spread | Failure): string => ('failed' in s ? s.failed : `${shown(s.median)} ms`);

function othersOf({ limit, alternatives }: TaskResult): string {
  const all: [string, Spread | Failure][] = Object.entries(alternatives);
  if (limit !== undefined) all.unshift([limit.name, limit]);
  return all.map(([name, spread]) => `${name}: ${milliseconds(spread)}`).join('; ');
}

function linesOf(result: TaskResult): string[] {
  const { task, ours } = result;
  return verdictsOf(result).map((verdict, i) => {
    const { median, low, high } = verdict.ratio;
    const spread = low === high ? shown(median) : `${shown(median)} (${shown(low)}–${shown(high)})`;
    const what = i === 0 ? [task, milliseconds(ours), othersOf(result)] : ['″', '', ''];
    return `| ${[...what, spread, demandOf(verdict.target), outcomeOf(verdict)].map(cell).join(' | ')} |`;
  });
}

function sectionOf(name: string, { command, date, machine, versions, tasks }: Report): string {
  const { cpu, cores, memoryGiB, system, load } = machine;
  const notes = [...new Set(tasks.flatMap(({ note }) => note ?? []))].map((note) => `${note}\n\n`);
  const browser = versions.chromium === undefined ? '' : `, Chromium ${versions.chromium}`;
  return [
    `### ${name}\n`,
    `\`${command}\`, ${date}, commit ${versions.commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, load ${load}; Node ${versions.node}${browser}.\n`,
    `${notes.join('')}| task | stratafs | beside it | ratio or count (quartiles) | target | |`,
    '|---|---|---|---|---|---|',
    ...tasks.flatMap(linesOf),
  ].join('\n');
}

/** The generated part of the document. */
export async function section(): Promise<string> {
  return (await reports()).map(([name, report]) => sectionOf(name, report)).join('\n\n');
}

/** Puts a new generated part into the document's text. */
export function withSection(text: string, generated: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the results: '${BEGIN}' and '${END}'`);
  return `${text.slice(0, begin)}${BEGIN}\n\n${generated}\n\n${text.slice(end)}`;
}

/** Writes the results into the document. */
export async function renderDocument(): Promise<void> {
  await writeFile(DOCUMENT, withSection(await readFile(DOCUMENT, 'utf8'), await section()));
}

/** For the terminal: a line for each target. */
export async function summary(): Promise<string> {
  const lines = (await reports()).flatMap(([name, { tasks }]) => [
    `== ${name}`,
    ...tasks.flatMap((result) =>
      verdictsOf(result).map(
        (verdict) =>
          `  ${outcomeOf(verdict).padEnd(12)} ${shown(verdict.ratio.median).padStart(7)}  ${result.task}: ${demandOf(verdict.target)}`,
      ),
    ),
  ]);
  return lines.join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await renderDocument();
