/* A machine that ends or fails at every single operation of the guard: nothing acknowledged is lost, nothing refused is found. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GuardLog } from '../../../src/upper/guard-log.ts';
import { hurryTurns } from '../../support/timers.ts';
import { type Session, type SessionOptions, faultySession, judge, runSession } from './guard-session.ts';
import { type Fault, World } from './guard-world.ts';

beforeEach(hurryTurns);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const OPTIONS: SessionOptions = { commits: 24, seed: 7 };

async function operationsOf(options: SessionOptions): Promise<number> {
  const world = new World();
  await runSession(world, options);
  return world.operations;
}

/** Sessions with the fault at each operation in turn. */
async function sweep(fault: Fault, options = OPTIONS, step = 1): Promise<{ faults: string[]; sessions: Session[] }> {
  const count = await operationsOf(options);
  const faults: string[] = [];
  const sessions: Session[] = [];
  for (let at = 0; at < count; at += step) {
    const one = await faultySession(new World(at + 1), fault, at, options);
    faults.push(...one.faults);
    sessions.push(one.session);
  }
  return { faults, sessions };
}

test('a session without faults builds guards, makes them small again and leaves one', async () => {
  const world = new World();
  const session = await runSession(world, OPTIONS);
  expect(session.history.length).toBe(OPTIONS.commits + 1);
  expect(session.guard).toBe('on');
  const guards = [...world.files.keys()].filter((name) => name.startsWith('guard.'));
  expect(guards.length).toBe(1);
  expect(Number(guards[0]!.slice('guard.'.length))).toBeGreaterThan(1);
  expect(await judge(world, session, 'kill')).toEqual([]);
});

describe.each(['kill', 'kill-torn', 'power', 'fail', 'torn', 'lost-handle'] as const)('%s', (fault) => {
  test('at any operation: what was acknowledged is there, with and without the database', async () => {
    // Of what does not end the machine every second one: each such session is a long one.
    const { faults, sessions } = await sweep(fault, OPTIONS, fault === 'kill' || fault === 'power' ? 1 : 2);
    expect(faults.slice(0, 5)).toEqual([]);
    expect(sessions.length).toBeGreaterThan(30);
    // A guard that fails refuses nothing.
    expect(sessions.every((session) => session.refused === 0)).toBe(true);
  });
});

describe('the database refuses', () => {
  test.each(['EIO', 'ENOSPC', 'ESTALE'] as const)('%s for some commits: they leave no trace, in the guard neither', async (code) => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      const before = (machine: World, serial: number): void => void (machine.refuse = serial % 5 === 3 ? code : undefined);
      const session = await runSession(world, { commits: 30, seed, before });
      expect(session.refused).toBe(6);
      expect(await judge(world, session, seed % 2 === 0 ? 'power' : 'kill')).toEqual([]);
    }
  });

  test('at a kill, too', async () => {
    const before = (machine: World, serial: number): void => void (machine.refuse = serial % 5 === 3 ? 'EIO' : undefined);
    expect((await sweep('power', { ...OPTIONS, before })).faults).toEqual([]);
  });
});

describe('planted faults are found', () => {
  test('a flush that does nothing', async () => {
    vi.spyOn(GuardLog.prototype, 'flush').mockImplementation(() => undefined);
    expect((await sweep('power')).faults).not.toEqual([]);
  });

  test('a refused commit that is not taken back', async () => {
    vi.spyOn(GuardLog.prototype, 'takeBack').mockImplementation(() => undefined);
    const world = new World();
    const session = await runSession(world, {
      ...OPTIONS,
      before: (machine, serial) => void (machine.refuse = serial === 23 ? 'EIO' : undefined),
    });
    expect(await judge(world, session, 'kill')).not.toEqual([]);
  });

  test('an image that is said to be complete at its beginning', async () => {
    const create = GuardLog.create.bind(GuardLog);
    vi.spyOn(GuardLog, 'create').mockImplementation((...parts) => {
      const log = create(...parts);
      log.complete();
      return log;
    });
    const { faults } = await sweep('kill');
    const judged = await lostWhileBuilding();
    expect([...faults, ...judged]).not.toEqual([]);
  });

  test('a commit that is acknowledged with the log alone', async () => {
    const world = new World();
    const store = world.store.bind(world);
    vi.spyOn(world, 'store').mockImplementation((name) => {
      const real = store(name);
      return {
        ...real,
        get version() {
          return real.version;
        },
        commit: (commit) => (real.version === undefined ? real.commit(commit) : Promise.resolve()),
      };
    });
    const session = await runSession(world, OPTIONS);
    vi.restoreAllMocks();
    world.files.clear();
    expect(await judge(world, session, 'kill')).not.toEqual([]);
  });
});

/** Kills the machine with its database at each operation. */
async function lostWhileBuilding(): Promise<string[]> {
  const faults: string[] = [];
  for (let at = 0; at < 60; at++) {
    const world = new World(at);
    world.fault = (operation) => (operation === at ? 'kill' : undefined);
    const session = await runSession(world, OPTIONS);
    world.loseDatabase();
    const found = await judge(world, session, 'kill');
    faults.push(...found.filter((text) => !text.includes('was lost')));
  }
  return faults;
}

test('a kill that takes the database with it: everything is rebuilt, or said to be lost, and never silently new', async () => {
  expect(await lostWhileBuilding()).toEqual([]);
});
