/* Runs one fact on one file system, and says in a cell's words how it went. */

import type { Fact } from './facts.ts';
import { Differs, Scene } from './scene.ts';
import { CallFailed, type Mounted, NotOffered, type Subject } from './subject.ts';

const one = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** How often a fact is run: what goes wrong between calls does not go wrong each time. */
const RUNS = 3;

/** Gives `yes`, `no (what happened)` or `n/a (reason)`. Does not end where a call does not. */
export async function runFact(subject: Subject, fact: Fact): Promise<string> {
  const cells = new Set<string>();
  for (let run = 0; run < RUNS; run++) cells.add(await runOnce(subject, fact));
  const [first = '', ...others] = cells;
  if (others.length === 0) return first;
  const failure = [first, ...others].find((cell) => cell !== 'yes') ?? first;
  return cells.has('yes') ? failure.replace('no (', 'no (not always: ') : failure;
}

async function runOnce(subject: Subject, fact: Fact): Promise<string> {
  if (fact.lowers.length > 1 && subject.layers === 'none') return 'n/a (no layers)';
  const places: { readonly mounted: Mounted; readonly scene: Scene; readonly lowers: string | undefined }[] = [];
  const mount = async (): Promise<Scene> => {
    const mounted = await subject.mount(fact.lowers).catch((e: unknown) => {
      throw new Differs(`the lower cannot be made: ${(e as { code?: string }).code ?? String(e)}`);
    });
    const scene = new Scene(mounted);
    places.push({ mounted, scene, lowers: await mounted.lowerState?.() });
    return scene;
  };
  try {
    await fact.check(await mount(), mount);
    for (const { mounted, lowers } of places) {
      if ((await mounted.lowerState?.()) !== lowers) return 'no (it changes the lower)';
    }
    return 'yes';
  } catch (e) {
    if (e instanceof Differs) return `no (${one(e.message)})`;
    if (e instanceof NotOffered) return `n/a (${one(e.message)})`;
    if (e instanceof CallFailed) return `no (${places.at(-1)?.scene.stage ?? ''}${one(e.message)})`;
    throw e;
  } finally {
    for (const { mounted } of places) await mounted.close?.();
  }
}
