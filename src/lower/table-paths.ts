/* From paths to entries of a table: what is named, and whatever is below directories that are. Symbolic links may have content too. */

import type { LayerTable } from '../layer/table.ts';

/** The files at and below some absolute paths, or all. What does not exist is left out: a list may be of another version. */
export function filesOf(table: LayerTable, paths: readonly string[] | 'all'): Set<number> {
  const files = new Set<number>();
  for (const path of paths === 'all' ? ['/'] : paths) {
    const entry = lookupPath(table, path);
    if (entry !== undefined) addFiles(table, entry, files);
  }
  return files;
}

function lookupPath(table: LayerTable, path: string): number | undefined {
  let entry = 0;
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    entry = table.lookup(entry, name);
    if (entry < 0) return undefined;
  }
  return entry;
}

function addFiles(table: LayerTable, from: number, files: Set<number>): void {
  const queue = [from];
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    if (table.isDirectory(entry)) {
      const [first, end] = table.children(entry);
      for (let child = first; child < end; child++) queue.push(child);
    } else if (!table.isWhiteout(entry)) files.add(table.canonical(entry));
  }
}
