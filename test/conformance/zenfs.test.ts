/* The conformance suite over ZenFS. What ZenFS itself cannot do is skipped by name, with the reason, and each name must exist. */

import { beforeEach, expect, test } from 'vitest';

import { conformance } from './all.ts';
import { ZENFS_FAILS, ZENFS_FAILS_SYNC } from './zenfs-fails.ts';
import { zenfsStacks } from './zenfs-stack.ts';

const met = new Set<string>();

beforeEach(({ task, skip }) => {
  const name = `${task.suite?.name ?? ''}: ${task.name}`;
  const sync = task.suite?.suite?.name.endsWith(', sync') === true;
  const reason = ZENFS_FAILS.get(name) ?? (sync ? ZENFS_FAILS_SYNC.get(name) : undefined);
  if (reason === undefined) return;
  met.add(name);
  skip(reason);
});

for (const stack of zenfsStacks()) conformance(stack);

const listed = [...ZENFS_FAILS.keys(), ...ZENFS_FAILS_SYNC.keys()];

// Runs last. With a filter on names there is nothing to say.
test('every fact that is skipped exists', ({ skip }) => {
  if (met.size === 0) skip('none of them was chosen');
  expect(listed.filter((name) => !met.has(name))).toEqual([]);
});
