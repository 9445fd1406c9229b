/* Runs one fact on one file system, and says in a cell's words how it went. */

import type { Fact } from './facts.ts';
import { Differs, Scene } from './scene.ts';
import { CallFailed, type Mounted, NotOffered, type Seed, type Subject } from './subject.ts';

const one = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** Gives `yes`, `no (what happened)` or `n/a (reason)`. Does not end where a call does not. */
export async function runFact(subject: Subject, fact: Fact): Promise<string> {
  if (fact.lowers.length > 1 && subject.layers === 'none') return 'n/a (no layers)';
  const mounts: Mounted[] = [];
  let last: Scene | undefined;
  const mount = async (lowers: readonly Seed[]): Promise<Scene> => {
    const mounted = await subject.mount(lowers);
    mounts.push(mounted);
    last = new Scene(mounted);
    return last;
  };
  try {
    await fact.check(await mount(fact.lowers), () => mount(fact.lowers));
    return 'yes';
  } catch (e) {
    if (e instanceof Differs) return `no (${one(e.message)})`;
    if (e instanceof NotOffered) return `n/a (${one(e.message)})`;
    if (e instanceof CallFailed) return `no (${last?.stage ?? ''}${one(e.message)})`;
    throw e;
  } finally {
    for (const mounted of mounts) await mounted.close?.();
  }
}
