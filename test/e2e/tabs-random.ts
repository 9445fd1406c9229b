/* Random work in several tabs while owners go, and whether what is left is what was acknowledged. */

import { randomNumbers } from '../kill/random.ts';
import { History } from './tabs-history.ts';
import { startTabs, type Tab } from './tabs-scene.ts';
import type { Report } from './tabs-work.ts';

export interface RandomTabsOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly tabs?: number;
  /** The worker's script, for planted faults. */
  readonly worker?: string;
}

export interface RandomTabsReport {
  readonly seed: number;
  readonly seconds: number;
  readonly acknowledged: number;
  /** Calls of which nobody knows whether they happened. */
  readonly lost: number;
  /** How often owners and others went, by kind. */
  readonly ends: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** Ways in which a tab goes; `spin` comes back. */
const ENDS = ['close', 'page', 'terminate', 'crash', 'spin'] as const;
type End = (typeof ENDS)[number];

async function end(tab: Tab, how: End): Promise<void> {
  switch (how) {
    case 'close':
      return tab.do('close').catch(() => undefined); // its own calls are rejected meanwhile
    case 'terminate':
      return tab.do('terminate');
    case 'spin':
      return tab.do('spin', 2_500);
    case 'page':
      return tab.page.close();
    case 'crash': {
      const session = await tab.page.context().newCDPSession(tab.page);
      const crashed = new Promise((resolve) => tab.page.once('crash', resolve));
      session.send('Page.crash').catch(() => undefined); // nobody is left who could answer
      await crashed;
      return;
    }
    default:
      return how satisfies never;
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Works for a while, and compares. */
export async function runRandomTabs({ seconds, seed, tabs: count = 3, worker }: RandomTabsOptions): Promise<RandomTabsReport> {
  const scene = await startTabs({}, worker);
  const history = new History();
  const random = randomNumbers(seed);
  const ends: Record<string, number> = {};
  let serial = 0;
  const tabs = new Map<string, Tab>();
  /** Those that are made to go: their own calls may end as they like. */
  const leaving = new Set<string>();

  const add = async (): Promise<void> => {
    const name = `t${++serial}`;
    const tab = await scene.tab('random');
    tabs.set(name, tab);
    await tab.page.exposeFunction('report', (report: Report) => {
      if (tabs.has(name) && !(leaving.has(name) && 'code' in report)) history.report(name, report);
    });
    await tab.do('work', name, Math.floor(random() * 2 ** 31));
  };

  try {
    for (let i = 0; i < count; i++) await add();
    const until = performance.now() + seconds * 1_000;
    while (performance.now() < until) {
      await pause(200 + random() * 600);
      // The oldest is the owner, unless it was frozen.
      const [name, tab] = [...tabs][random() < 0.7 ? 0 : Math.floor(random() * tabs.size)]!;
      const how = ENDS[Math.floor(random() * ENDS.length)]!;
      ends[how] = (ends[how] ?? 0) + 1;
      if (how !== 'spin') leaving.add(name);
      await end(tab, how);
      if (how === 'spin') {
        // It is the youngest now.
        tabs.delete(name);
        tabs.set(name, tab);
        continue;
      }
      tabs.delete(name);
      history.gone(name);
      if (!tab.page.isClosed()) await tab.page.close();
      await add();
    }
    for (const tab of tabs.values()) await tab.do('stop');
    const trees: string[] = [];
    for (const tab of tabs.values()) {
      const tree = await tab.do('tree');
      history.compare(new Map(tree));
      trees.push(JSON.stringify(tree));
      for (const violation of await tab.do('check')) history.violations.push(`union rules: ${JSON.stringify(violation)}`);
    }
    if (new Set(trees).size > 1) history.violations.push('the tabs see different trees');
    const { acknowledged, lost, violations } = history;
    return { seed, seconds, acknowledged, lost, ends, violations };
  } finally {
    await scene.close();
  }
}
