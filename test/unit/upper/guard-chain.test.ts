/* Machines that end again and again, anywhere, each time with what the last end has left: nothing acknowledged is lost on the way. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GuardLog } from '../../../src/upper/guard-log.ts';
import { hurryTurns } from '../../support/timers.ts';
import { EAGER, FIRST, isSame, openWorld, randomCommit, stateOf } from './guard-session.ts';
import { EMPTY, type Random, type State, World, after, seeded } from './guard-world.ts';

beforeEach(hurryTurns);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Of a workspace, over all its lives. */
interface Past {
  readonly history: State[];
  /** Position of the last strict commit that was acknowledged. */
  strict: number;
  /** Position of the first state that may be found next. */
  floor: number;
  pending: State | undefined;
  /** The workspace could be rebuilt without its database. */
  guarded: boolean;
}

/** Ends a machine so many times; gives what is wrong. */
async function chain(seed: number, lives: number, world = new World(seed)): Promise<string[]> {
  const random = seeded(seed + 1_000_000);
  const past: Past = { history: [EMPTY], strict: 0, floor: 0, pending: undefined, guarded: false };
  for (let life = 0; life < lives; life++) {
    const mode = random() < 0.5 ? 'kill' : 'power';
    const end = world.operations + Math.floor(random() ** 2 * 60);
    world.fault = (operation) => (operation === end ? mode : undefined);
    const wrong = await Promise.race([live(world, past, random, life * 100), world.death]);
    if (typeof wrong === 'string') return [`seed ${seed}, life ${life}: ${wrong}`];
    world.end();
    world.restart(mode);
    if (mode === 'power') past.floor = past.strict;
    if (past.guarded && random() < 0.2) world.loseDatabase();
    past.guarded = false;
  }
  return [];
}

/** Opens, compares, commits. Gives what is wrong. */
async function live(world: World, past: Past, random: Random, serial: number): Promise<string | undefined> {
  const { run } = world;
  const store = await openWorld(world, random() < 0.5 ? EAGER : { ...EAGER, delay: 5 });
  const found = await stateOf(store);
  // Whoever is left of a machine that has ended says nothing of the next one.
  const isOver = (): boolean => world.dead || world.run !== run;
  if (isOver()) return undefined;
  const { history, pending } = past;
  if (pending !== undefined) history.push(pending);
  const at = history.findLastIndex((state) => isSame(found, state));
  if (at < past.floor) return `state ${at} of ${history.length} is found, and at least ${past.floor} was to be there`;
  history.length = at + 1;
  past.pending = undefined;
  // What was found can be lost without power, until it is on the disk; by a kill it cannot.
  past.floor = at;
  past.strict = Math.min(past.strict, at);
  past.guarded = store.guard === 'on';
  for (let i = 0; i < 12; i++) {
    const state = history.at(-1) ?? EMPTY;
    const commit = world.state.version === undefined ? FIRST : randomCommit(random, state, serial + i);
    past.pending = after(state, commit);
    await store.commit(commit);
    if (isOver()) return undefined;
    history.push(past.pending);
    past.pending = undefined;
    past.floor = history.length - 1;
    if (commit.durability === 'strict') past.strict = past.floor;
    past.guarded = store.guard === 'on';
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve));
    if (isOver()) return undefined;
  }
  return undefined;
}

test('eight ends, one after the other', async () => {
  const faults: string[] = [];
  for (let seed = 100; seed < 400; seed++) faults.push(...(await chain(seed, 8)));
  expect(faults).toEqual([]);
});

test('ends leave a commit in the database alone, or in the log alone', async () => {
  const open = GuardLog.open.bind(GuardLog);
  const ahead = { database: 0, log: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World(seed);
    vi.spyOn(GuardLog, 'open').mockImplementation((file) => {
      const log = open(file);
      const lead = (world.state.version?.sequence ?? 0) - (log?.version.sequence ?? 0);
      if (log !== undefined && lead === 1) ahead.database++;
      if (log !== undefined && lead < 0) ahead.log++;
      return log;
    });
    await chain(seed, 8, world);
  }
  expect(Math.min(ahead.database, ahead.log)).toBeGreaterThan(20);
});
