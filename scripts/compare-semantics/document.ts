/* docs/comparison.md: written from the columns, and read again by the test that keeps it true. */

import type { Column } from './column.ts';
import { FACT_GROUPS } from './facts.ts';

export const DOCUMENT = new URL('../../docs/comparison.md', import.meta.url);

const inCell = (text: string): string => text.replaceAll('|', '\\|');
const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function summary(column: Column): string {
  const count = (start: string): number => column.cells.filter((cell) => cell.startsWith(start)).length;
  return `${count('yes')} yes, ${count('no') + count('hangs')} no, ${count('n/a')} n/a`;
}

/** The document. The first column is that of stratafs. */
export function documentOf(columns: readonly Column[]): string {
  const lines = [
    '# The semantics of stratafs and of the alternatives',
    '',
    '`npx tsx scripts/compare-semantics.ts` makes this document: it runs every fact below on every file system, and each cell is what happened; none is written by',
    'hand. The facts are what POSIX promises, and Linux OverlayFS where they are about layers; the kernel itself stands in the last column. Two kinds go beyond',
    'POSIX, because programs in a browser count on them: that a reader never meets half of a `writeFile`, and what a failing storage leaves behind.',
    '',
    'Most facts are checked twice, at once and after a reload of the page. Each was run three times; *not always* says that the runs differed.',
    '',
    '- `no (it changes the lower)`: all is as the fact says, but the lower is no longer what it was.',
    '- `n/a`: the file system does not offer what the fact is about.',
    '- `hangs`: no answer within ten seconds.',
    '',
    'The facts were chosen by what editors and tools in a browser do, and by where unions are known to go wrong. None of these packages claims to be POSIX, and',
    'several have other aims: LightningFS is small and made for git, memfs and unionfs for tests and builds, ZenFS and BrowserFS for many backends.',
    '',
    '## What was run',
    '',
    `On Node ${process.versions.node}.`,
    '',
    row('', 'version', 'how', 'result'),
    row('---', '---', '---', '---'),
    ...columns.map((column) => row(column.title, column.version, column.setup, summary(column))),
    '',
    '## The facts',
  ];
  let fact = 0;
  for (const { title, facts } of FACT_GROUPS) {
    lines.push('', `### ${title}`, '', row('', ...columns.map((column) => column.title)), row('---', ...columns.map(() => '---')));
    for (const { name } of facts) {
      lines.push(row(inCell(name), ...columns.map(({ cells }) => inCell(cells[fact] ?? '?'))));
      fact++;
    }
  }
  return `${lines.join('\n')}\n`;
}

/** What the document says of its first column: fact → cell. */
export function firstColumnOf(text: string): Map<string, string> {
  const facts = text.slice(text.indexOf('## The facts'));
  const rows = facts.split('\n').flatMap((line) => [...line.matchAll(/^\| ([^|]+?) \| ([^|]+?) \|/g)]);
  return new Map(rows.flatMap(([, name = '', cell = '']) => (name === '---' ? [] : [[name, cell] as const])));
}
