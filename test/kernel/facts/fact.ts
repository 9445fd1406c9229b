/*
 * What POSIX and Linux say of single calls: each fact is a few steps with the result of each, from one layer that all start from.
 * They run on the engine, and on the kernel where it can be had, which says whether the facts themselves are right.
 */

import type { LayerNode, Step, User } from '../scenario.ts';

export interface Fact {
  readonly name: string;
  readonly steps: readonly (readonly [step: Step, result: string])[];
}

export const ann: User = { uid: 1000, gid: 1000, groups: [] };
export const annInGroup: User = { uid: 1000, gid: 1000, groups: [50] };
export const bob: User = { uid: 1001, gid: 1001, groups: [] };

export const T = 1_000_000_000_000;
const node = (kind: LayerNode['kind'], path: string, mode: number, rest: Partial<LayerNode> = {}): LayerNode => ({
  kind,
  path,
  mode,
  mtime: T,
  ...rest,
});
const annOwns = { uid: 1000, gid: 1000 };
const bobOwns = { uid: 1001, gid: 1001 };

/** The layer that all facts start from. */
export const FACT_LAYER: readonly LayerNode[] = [
  node('directory', '', 0o755),
  node('directory', 'ann', 0o755, annOwns),
  node('directory', 'ann/dir', 0o755, annOwns),
  node('file', 'ann/file', 0o644, { ...annOwns, text: 'content' }),
  node('file', 'ann/program', 0o6755, { ...annOwns, text: 'content' }),
  node('file', 'ann/secret', 0o000, { ...annOwns, text: 'content' }),
  node('file', 'ann/shared', 0o666, { ...annOwns, text: 'content' }),
  node('directory', 'closed', 0o700),
  node('file', 'closed/x', 0o666),
  node('symlink', 'dangling', 0o777, { to: 'nowhere' }),
  node('directory', 'full', 0o755),
  node('file', 'full/x', 0o644),
  node('directory', 'group', 0o2777, { gid: 50 }),
  node('file', 'hard1', 0o644, { text: 'two names' }),
  node('link', 'hard2', 0o644, { to: 'hard1' }),
  node('symlink', 'loop', 0o777, { to: 'loop' }),
  node('directory', 'public', 0o777),
  node('file', 'public/file', 0o644, { text: 'content' }),
  node('directory', 'readable', 0o744),
  node('file', 'readable/x', 0o666),
  node('file', 'root', 0o644, { text: 'content' }),
  node('directory', 'sticky', 0o1777),
  node('file', 'sticky/ann', 0o666, { ...annOwns }),
  node('file', 'sticky/bob', 0o666, { ...bobOwns }),
  node('directory', 'sticky/bobdir', 0o777, { ...bobOwns }),
  node('symlink', 'to-ann', 0o777, { to: 'ann' }),
  node('symlink', 'to-root', 0o777, { to: 'root' }),
];

export const LONG = 'n'.repeat(256);
export const LONGEST = 'n'.repeat(255);
export const DEEP = '/x'.repeat(2048);

export const fact = (name: string, ...steps: readonly (readonly [Step, string])[]): Fact => ({ name, steps });
/** One fact for each of several steps that give the same. */
export const each = (name: string, result: string, ...steps: readonly Step[]): Fact => ({
  name,
  steps: steps.map((step) => [step, result] as const),
});
export const s = (op: Step['op'], path: string, rest: Omit<Step, 'op' | 'path'> = {}): Step => ({ op, path, ...rest });
export const open = (path: string, flags: number, user?: User, mode = 0o644): Step =>
  s('open', path, { slot: 0, flags, mode, ...(user && { user }) });
