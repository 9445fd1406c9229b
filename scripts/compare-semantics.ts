/*
 * Compares the semantics of stratafs with those of the alternatives: `npx tsx scripts/compare-semantics.ts` runs every fact on
 * every file system and writes docs/comparison.md. `--only zenfs,linux` runs some of them, prints, and writes nothing.
 * The column of Linux needs root.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Column, fillColumn } from './compare-semantics/column.ts';
import { DOCUMENT, documentOf } from './compare-semantics/document.ts';
import { FACTS } from './compare-semantics/facts.ts';
import { SUBJECTS } from './compare-semantics/subjects.ts';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const columns: Column[] = [];
for (const name of values.only?.split(',') ?? SUBJECTS.keys()) {
  const column = await fillColumn(name);
  columns.push(column);
  console.log(`\n${column.title} ${column.version}`);
  for (const [n, cell] of column.cells.entries()) console.log(`  ${FACTS[n]?.name}: ${cell}`);
}
if (values.only === undefined) {
  writeFileSync(DOCUMENT, documentOf(columns));
  console.log('\ndocs/comparison.md is written');
}
