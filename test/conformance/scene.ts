/*
 * What the conformance suites stand on: a *stack* is a kind of file system under test, a *scene* is one fresh instance of it
 * with something seeded. Suites are functions of a stack; they import nothing of a platform, so that they run in Node and in
 * browsers alike. What a stack cannot do is data (`lacks`), and shows in the report as a skipped test with the reason.
 */

import { type TestContext, expect, test } from 'vitest';

import type { FsPromises } from '../../src/fs/api.ts';
import { type Tree, tree } from '../support/tree.ts';

/** What some stacks lack. Each with the reason why that may be. */
export const FEATURES = {
  exists: 'Node has `existsSync` only, no promise',
  mknod: 'Node has no mknod',
  xattr: 'Node has no extended attributes',
  'rename-flags': 'Node has no renameat2',
  lchown: 'the host cannot change the owner of a symbolic link',
  watch: 'the face has no file watching',
  'watch-recursive': 'Node 20 emulates recursive watching on Linux and loses events while it does',
  'sync-handles': 'a descriptor of the synchronous calls has no such method',
  'open-file-identity': 'the host loses the file of a handle when its name goes',
  'symlinked-parents': 'the host does not resolve symbolic links in parents for this call',
  'abort-signal': 'synchronous calls cannot be aborted',
  'short-errors': 'the host words its errors in its own way',
  'stable-ino': 'the host gives inode numbers of its own',
  'recursive-names': 'Node 20 follows symbolic links when it lists names recursively without types',
  'opendir-path': "Node's opendirSync does not tell the path",
  append: 'the host loses appends that run at the same time',
} as const satisfies Record<string, string>;

export type Feature = keyof typeof FEATURES;

/** A fresh file system, or a fresh directory of one. */
export interface Scene {
  readonly fs: FsPromises;
  /** The absolute path of something in the scene: `at('a/b')`; `at()` is its root. */
  readonly at: (path?: string) => string;
  readonly close?: () => Promise<void>;
}

export interface Stack {
  readonly name: string;
  /** What it cannot do; everything else it must. */
  readonly lacks?: readonly Feature[];
  /** Its scenes wait for others, a worker or a browser, more than they work: several facts are shown at once. */
  readonly isWaiting?: boolean;
  /** Makes a fresh instance that holds `seed`. */
  readonly open: (seed: Tree) => Promise<Scene>;
}

export type Suite = (stack: Stack) => void;

/** What a fact shows. Of facts that are shown at once each has a context of its own: Vitest's global one is another's. */
export type FactBody = (scene: Scene, context: Pick<TestContext, 'onTestFinished'>) => Promise<void>;

export interface FactOptions {
  readonly seed?: Tree;
  /** Features that the fact is about. */
  readonly needs?: readonly Feature[];
}

/** Registers one test: a fact that holds of every stack that has the features it needs. */
export function fact(stack: Stack, name: string, { seed = tree(), needs = [] }: FactOptions, body: FactBody): void {
  const missing = needs.filter((feature) => stack.lacks?.includes(feature));
  if (missing.length > 0) {
    test.skip(`${name} [${missing.map((feature) => `${feature}: ${FEATURES[feature]}`).join('; ')}]`);
    return;
  }
  const run = stack.isWaiting === true ? test.concurrent : test;
  run(name, async (context) => {
    const scene = await stack.open(seed);
    context.onTestFinished(async () => scene.close?.());
    await body(scene, context);
  });
}

/** Resolves to the error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<Error & Record<'code' | 'errno' | 'syscall' | 'path' | 'dest', unknown>> {
  let result: unknown;
  try {
    result = await call;
  } catch (e) {
    if (e instanceof Error) return e as Error & Record<'code' | 'errno' | 'syscall' | 'path' | 'dest', unknown>;
    throw new TypeError(`something was thrown that is not an Error: ${String(e)}`, { cause: e });
  }
  throw new Error(`the call should have failed, and gave ${String(result)}`);
}

/** Expects a call to fail with one of the codes. Node itself words some as `ERR_FS_…`. */
export async function expectCode(call: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  const { code, stack } = await failureOf(call);
  expect(codes, stack).toContain(code);
}

/** Expects a call to be refused as a mistake of the program: a `TypeError` or `RangeError` (Node adds `ERR_…` codes), or EINVAL. */
export async function expectMistake(call: Promise<unknown>): Promise<void> {
  const error = await failureOf(call);
  const isMistake = error instanceof TypeError || error instanceof RangeError || error.code === 'EINVAL';
  expect(isMistake, error.stack).toBe(true);
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Bytes made by rule, so that a shifted, repeated or lost piece shows. */
export function pattern(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

/** Compares long content without printing it. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  expect(at, 'position of the first byte that differs').toBe(expected.length);
}
