/*
 * Compares what the kernel and the engine gave, and finds the smallest scenario in which they differ. Deliberate differences are
 * rules of `DIFFERENCES`, each with its reason; a seed is never excluded.
 */

import { type EngineOptions, runOnEngine } from './engine-machine.ts';
import { generate } from './generate.ts';
import type { KernelMachine } from './kernel-machine.ts';
import type { LayerNode, Outcome, Scenario, Step } from './scenario.ts';

/** A deliberate difference. */
interface Difference {
  readonly what: string;
  readonly why: string;
  /** Tells whether this is it. */
  readonly covers: (step: Step, kernel: string, engine: string) => boolean;
  /** The open file is in another state from here on, and what is done with it is not compared. */
  readonly spoilsHandle?: boolean;
}

const isCode = (result: string): boolean => /^E[A-Z0-9]+$/.test(result);
/** Numbers of links in descriptions of things that are no directories. */
const LINKS = / n\d+ /;

/** A step whose result differs must leave the same tree behind, whatever rule covers the result. */
export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'rename with a name over 255 bytes is ENAMETOOLONG, where Linux finds another mistake in the other path first',
    why: 'both are wrong, and POSIX leaves open which error is told',
    covers: ({ op }, kernel, engine) => op === 'rename' && isCode(kernel) && engine === 'ENAMETOOLONG',
  },
  {
    what: 'truncate of a socket is ENXIO, on Linux EINVAL',
    why: "Node's truncate is an open and an ftruncate, and the open fails first",
    covers: ({ op }, kernel, engine) => op === 'truncate' && kernel === 'EINVAL' && (engine === 'ENXIO' || engine === 'EACCES'),
  },
  {
    what: 'the number of links of an unlinked open file is 0, on Linux what its lower says',
    why: 'POSIX; overlayfs counts links of indexed files only',
    covers: ({ op }, kernel, engine) => op === 'fstat' && engine.includes(' n0 ') && kernel.replace(LINKS, ' n0 ') === engine,
  },
  {
    what: 'attributes of an open lower object whose name is gone can be changed, on Linux this fails (EEXIST, ENOENT, ESTALE or EIO)',
    why: 'POSIX; the kernel copies such an object up to its old name, where nothing or something else stands by then',
    covers: ({ op }, kernel, engine) =>
      /^f(chmod|chown|utimes|truncate)$/.test(op) && /^(EEXIST|ENOENT|ESTALE|EIO)$/.test(kernel) && engine === 'ok',
    spoilsHandle: true,
  },
  {
    what: 'without an upper, a change that is wrong for another reason as well tells that reason, where Linux says EROFS',
    why: 'POSIX leaves open which error is told, and that a name does not exist is the better news',
    covers: (_step, kernel, engine) => kernel === 'EROFS' && isCode(engine),
  },
  {
    what: 'opening a socket or a link (O_NOFOLLOW) with O_CREAT in a sticky directory of somebody else is ENXIO or ELOOP, on Linux EACCES',
    why: 'a hardening of Linux (fs.protected_*) that each machine sets for itself',
    covers: ({ op }, kernel, engine) =>
      (op === 'open' || op === 'writeFile') && kernel === 'EACCES' && (engine === 'ENXIO' || engine === 'ELOOP'),
  },
  {
    what: 'an open directory that `rm -r` removes keeps its time of modification, on Linux the names that go before it stamp it',
    why: '`rm -r` is one operation (docs/SEMANTICS.md, 7 I)',
    covers: ({ op }, kernel, engine) => op === 'fstat' && kernel.startsWith('d ') && kernel === engine.replace(/\d+$/, 'now'),
  },
];

/** Says how two outcomes differ; `undefined` when they do not. */
export function differenceOf(scenario: Scenario, kernel: Outcome, engine: Outcome): string | undefined {
  if (kernel.failure !== undefined) return `the kernel's side failed: ${kernel.failure}`;
  if (engine.failure !== undefined) return `the engine failed: ${engine.failure}`;
  const times = scenario.metacopy ? FILE_TIME : EMPTY_FILE_TIME;
  return compareOutcomes(scenario, without(times, kernel), without(times, engine));
}

/**
 * What is said of a regular file, up to its time. With metacopy=on the kernel stamps a file when its content follows, so these times
 * are not compared.
 */
const FILE_TIME = /^((?:\/.* )?f [0-7]+ n\d+ \d+:\d+ \d+ )(?:now|\d+)/;
/** tmpfs, which keeps the kernel's upper, does not stamp a file without data (empty, or one hole) that is truncated to its size; others do. */
const EMPTY_FILE_TIME = /^((?:\/.* )?f [0-7]+ n\d+ \d+:\d+ (?:0|\d+(?= \w+ =\0+(?: |$))) )(?:now|\d+)/;

function without(time: RegExp, outcome: Outcome): Outcome {
  const strip = (lines: readonly string[]): string[] => lines.map((line) => line.replace(time, '$1-'));
  return { results: strip(outcome.results), before: strip(outcome.before), after: strip(outcome.after) };
}

function compareOutcomes({ steps }: Scenario, kernel: Outcome, engine: Outcome): string | undefined {
  const spoiled = new Set<number>();
  for (const [i, step] of steps.entries()) {
    const [expected, actual] = [kernel.results[i]!, engine.results[i]!];
    if (step.op === 'open' || step.op === 'close') spoiled.delete(step.slot!);
    if (expected === actual || spoiled.has(step.slot ?? -1)) continue;
    const difference = DIFFERENCES.find(({ covers }) => covers(step, expected, actual));
    if (difference?.spoilsHandle === true) spoiled.add(step.slot!);
    if (difference !== undefined) continue;
    return `step ${i}, ${JSON.stringify(step)}: kernel '${expected}', engine '${actual}'`;
  }
  return treeDifference('before the remount', kernel.before, engine.before) ?? treeDifference('after it', kernel.after, engine.after);
}

function treeDifference(when: string, kernel: readonly string[], engine: readonly string[]): string | undefined {
  const missing = kernel.filter((line) => !engine.includes(line)).map((line) => `  kernel only: ${line}`);
  const added = engine.filter((line) => !kernel.includes(line)).map((line) => `  engine only: ${line}`);
  if (missing.length + added.length === 0) return undefined;
  return [`the trees differ ${when}:`, ...missing, ...added].join('\n');
}

/** A scenario in which kernel and engine differ. */
export interface Finding {
  readonly scenario: Scenario;
  readonly difference: string;
}

/** Compares scenarios, and gives those that differ, as they were generated. */
export async function compareScenarios(
  kernel: KernelMachine,
  scenarios: readonly Scenario[],
  options?: EngineOptions,
): Promise<readonly Finding[]> {
  const expected = kernel.run(scenarios);
  const actual: Outcome[] = [];
  for (const scenario of scenarios) actual.push(await runOnEngine(scenario, options));
  const findings: Finding[] = [];
  for (const [i, outcome] of (await expected).entries()) {
    const difference = differenceOf(scenarios[i]!, outcome, actual[i]!);
    if (difference !== undefined) findings.push({ scenario: scenarios[i]!, difference });
  }
  return findings;
}

/** The scenarios of `count` seeds from `seed` on. */
export const scenariosFrom = (seed: number, count: number, steps: number): Scenario[] =>
  Array.from({ length: count }, (_, i) => generate(seed + i, { steps }));

/** Takes away steps, then nodes and layers, as long as kernel and engine still differ (delta debugging). */
export async function shrink(kernel: KernelMachine, finding: Finding, options?: EngineOptions): Promise<Finding> {
  let best = finding;
  const differs = async (scenario: Scenario): Promise<boolean> => {
    if (scenario.layers.length === 0) return false;
    const [found] = await compareScenarios(kernel, [scenario], options);
    // A layer that cannot be made (a hard link without its file) is no smaller example.
    if (found === undefined || found.difference.startsWith("the kernel's side") || found.difference.includes('cannot be a layer'))
      return false;
    best = found;
    return true;
  };
  for (let size = -1; size !== sizeOf(best.scenario);) {
    size = sizeOf(best.scenario);
    await shrinkList(best.scenario.steps, async (steps) => differs({ ...best.scenario, steps }));
    await shrinkList(best.scenario.layers, async (layers) => differs({ ...best.scenario, layers }));
    for (let i = 0; i < best.scenario.layers.length; i++) {
      await shrinkList(best.scenario.layers[i]!.slice(1), async (nodes) => differs(withNodes(best.scenario, i, nodes)));
    }
  }
  return best;
}

const sizeOf = ({ steps, layers }: Scenario): number => steps.length + layers.flat().length;

/** Replaces the nodes of a layer; what stood below a removed directory goes too. */
function withNodes(scenario: Scenario, at: number, nodes: readonly LayerNode[]): Scenario {
  const [root] = scenario.layers[at]!;
  const directories = new Set(['']);
  const kept: LayerNode[] = [root!];
  for (const node of nodes) {
    const parent = node.path.slice(0, Math.max(0, node.path.lastIndexOf('/')));
    if (!directories.has(parent)) continue;
    if (node.kind === 'directory') directories.add(node.path);
    kept.push(node);
  }
  return { ...scenario, layers: scenario.layers.with(at, kept) };
}

/** Leaves out ever smaller runs of items while `holds`. */
async function shrinkList<T>(items: readonly T[], holds: (items: readonly T[]) => Promise<boolean>): Promise<void> {
  let kept = items;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await holds(fewer)) kept = fewer;
      else at += size;
    }
  }
}
