/* The conformance suite over ZenFS. */

import { beforeEach } from 'vitest';

import { conformance } from './all.ts';
import { ZENFS_FAILS } from './zenfs-fails.ts';
import { zenfsStacks } from './zenfs-stack.ts';

beforeEach(({ task, skip }) => {
  const name = `${task.suite?.name ?? ''}: ${task.name}`;
  const reason = ZENFS_FAILS.get(name);
  if (reason !== undefined) skip(reason);
});

for (const stack of zenfsStacks()) conformance(stack);
