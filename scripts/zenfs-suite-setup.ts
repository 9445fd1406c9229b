/* The set-up that ZenFS's own tests import (SETUP): which backend they run over, and what Node 20 lacks of what they use. */

import { env } from 'node:process';
import { after } from 'node:test';
import { InMemory, configureSingle } from '@zenfs/core';
import { Overlay } from '../src/zenfs.ts';

// Node 24 has both.
Object.assign(Error, { isError: (value: unknown): boolean => value instanceof Error });
Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? class {} });

// Watchers of ZenFS do not keep the process alive, and Node 20 would cancel their tests.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

// Not a literal: these sources are ZenFS's, and not for our compiler to judge.
const testSetup = '@zenfs/core/tests/setup.ts';
const { copySync, data } = (await import(testSetup)) as { data: string; copySync: (path: string) => void };

if (env['ZENFS_BACKEND'] === 'memory') await configureSingle({ backend: InMemory });
else await configureSingle({ backend: Overlay });
copySync(data);

/** What this backend does not offer, by ZenFS's names. */
export const flags = { lchmod: env['ZENFS_BACKEND'] === 'memory' };
