/* A small tree with one of everything, made of nothing but this file. The archives in test/fixtures/packed-1.ts were packed from it. */

import type { PackEntry, PackTree } from '../../../src/pack/entry.ts';

const common = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000 } as const;
const text = (content: string) => () => new TextEncoder().encode(content);

export const mainSource = 'export const answer = 42;\n'.repeat(20);
export const largeContent = Array.from({ length: 9000 }, (_, i) => `${i} ${(i * 7919) % 1000}\n`).join('');

export function fixtureTree(): PackTree {
  const entries: PackEntry[] = [
    { ...common, path: 'src', type: 'directory', mode: 0o755 },
    { ...common, path: 'src/main.ts', type: 'file', read: text(mainSource) },
    { ...common, path: 'src/grün 日本.txt', type: 'file', read: text('a name'), mtime: 1.75 },
    { ...common, path: 'empty', type: 'file', read: text('') },
    { ...common, path: 'large', type: 'file', read: text(largeContent) },
    { ...common, path: 'tool', type: 'file', mode: 0o4755, uid: 1000, gid: 3_000_000, read: text('#!/bin/sh\n') },
    { ...common, path: 'tool-hard', type: 'link', mode: 0o4755, uid: 1000, gid: 3_000_000, target: 'tool' },
    { ...common, path: 'link', type: 'symlink', mode: 0o777, target: 'src/main.ts' },
    {
      ...common,
      path: 'xattr',
      type: 'file',
      read: text('x'),
      xattrs: new Map([
        ['user.b', Uint8Array.of(0, 255)],
        ['user.a', Uint8Array.of(1)],
      ]),
    },
    { ...common, path: 'null', type: 'character', device: { major: 1, minor: 3 } },
    { ...common, path: 'pipe', type: 'fifo' },
  ];
  return { entries, warnings: [] };
}
