/*
 * Which names of an archive count: the options `include` and `exclude`. A pattern is a path, in which `*` stands for anything within
 * a component, `?` for one character, and the component `**` for any number of components. It means what it names and everything
 * below. Matching takes time in proportion to pattern and name, whatever they are.
 */

export interface PathFilterOptions {
  /** Only these count. Default: everything. */
  readonly include?: readonly string[] | undefined;
  /** These do not, even where they are included. */
  readonly exclude?: readonly string[] | undefined;
}

/** Judges a path given as components. */
export type PathFilter = (components: readonly string[]) => boolean;

/**
 * Makes the filter: `undefined` where everything counts.
 *
 * @throws {TypeError} when a pattern is empty or contains '..'
 * @example
 * const counts = pathFilter({ include: ['dist', 'package.json'], exclude: ['**\/*.map'] });
 * counts?.(['dist', 'index.js.map']); // false
 */
export function pathFilter({ include, exclude }: PathFilterOptions): PathFilter | undefined {
  const included = include?.map(parsePattern);
  const excluded = (exclude ?? []).map(parsePattern);
  if (included === undefined && excluded.length === 0) return undefined;
  return (components) =>
    !excluded.some((pattern) => covers(pattern, components)) && (included?.some((pattern) => covers(pattern, components)) ?? true);
}

function parsePattern(pattern: string): readonly string[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0) throw new TypeError(`A pattern must name something: '${pattern}'`);
  if (parts.includes('..')) throw new TypeError(`A pattern must not contain '..': '${pattern}'`);
  return parts;
}

/** Tells whether a pattern means the path, or a directory above it: then everything is covered that is below a match. */
function covers(pattern: readonly string[], path: readonly string[]): boolean {
  return matches([...pattern, '**'], path, { isStar: (part) => part === '**', isEqual: matchesComponent });
}

const matchesComponent = (pattern: string, name: string): boolean =>
  pattern === name ||
  matches(pattern, name, { isStar: (part) => part === '*', isEqual: (part, character) => part === '?' || part === character });

interface Rules {
  readonly isStar: (part: string) => boolean;
  readonly isEqual: (part: string, item: string) => boolean;
}

/** The greedy way: when something does not fit, the last star takes one more. No earlier star has to be looked at again. */
function matches(pattern: ArrayLike<string>, items: ArrayLike<string>, { isStar, isEqual }: Rules): boolean {
  let p = 0;
  let star = -1;
  let retry = 0;
  for (let i = 0; i < items.length;) {
    if (p < pattern.length && isStar(pattern[p]!)) {
      star = p++;
      retry = i;
    } else if (p < pattern.length && isEqual(pattern[p]!, items[i]!)) {
      p++;
      i++;
    } else if (star >= 0) {
      p = star + 1;
      i = ++retry;
    } else return false;
  }
  while (p < pattern.length && isStar(pattern[p]!)) p++;
  return p === pattern.length;
}
