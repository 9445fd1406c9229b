/* Random trees and actions for fast-check. Few names, so that actions meet each other; paths to depth 4. */

import * as fc from 'fast-check';

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../src/base/mode.ts';
import { type Tree, type TreeNode, dir, file, hardLink, symlink, tree } from '../support/tree.ts';
import type { Action, Call, HandleCall } from './action.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`);
/** A path of a few names. */
export const anyPath: fc.Arbitrary<string> = path;
const text = fc.string({ unit: fc.constantFrom('x', 'y', 'z'), maxLength: 6 });
const target = fc.constantFrom('a', 'b', '../a', '/a', '/b/c', 'c/d', '..', '/', 'gone', './b');
const flags = fc.constantFrom(0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE);

/** A tree of directories, files, symbolic links and hard links. */
export const wholeTree: fc.Arbitrary<Tree> = fc
  .array(fc.record({ path, kind: fc.constantFrom('directory', 'file', 'file', 'symlink', 'link'), text, target }), {
    maxLength: 20,
    size: 'max',
  })
  .map((parts) => {
    const root = new Draft();
    for (const { path: at, kind, text: content, target: to } of parts)
      root.add(at.slice(1).split('/'), kind, kind === 'symlink' ? to : content);
    return tree(...root.nodes());
  });

/** A directory while a tree is made. What cannot stand where it is asked for is left out. */
class Draft {
  readonly #children = new Map<string, Draft | ((name: string) => TreeNode)>();
  #lastFile: string | undefined;

  add(names: readonly string[], kind: string, content: string, above = '', root: Draft = this): void {
    const [first, ...rest] = names;
    const here = above === '' ? first! : `${above}/${first!}`;
    const child = this.#children.get(first!);
    if (rest.length > 0 || kind === 'directory') {
      if (child !== undefined && !(child instanceof Draft)) return;
      const below = child ?? new Draft();
      this.#children.set(first!, below);
      if (rest.length > 0) below.add(rest, kind, content, here, root);
      return;
    }
    if (child !== undefined) return;
    const to = root.#lastFile;
    if (kind === 'symlink') this.#children.set(first!, (called) => symlink(called, content));
    else if (kind === 'link' && to !== undefined && to < here) this.#children.set(first!, (called) => hardLink(called, to));
    else {
      root.#lastFile ??= here;
      this.#children.set(first!, (called) => file(called, content));
    }
  }

  /** Sorted, so that a hard link comes after its file. */
  nodes(): TreeNode[] {
    return [...this.#children]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([called, child]) => (child instanceof Draft ? dir(called, ...child.nodes()) : child(called)));
  }
}

/** A call with paths. */
export const anyCall: fc.Arbitrary<Call> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('writeFile', 'appendFile'), path, text }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('truncate'), path, size: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('chmod'), path, mode: fc.constantFrom(0o644, 0o600, 0o755, 0o4711) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('symlink'), path, to: target }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('link', 'copyFile'), path, to: path }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('rename'), path, to: path, flags }) },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom(
        'mkdir',
        'mkdir',
        'mkdirAll',
        'rmdir',
        'unlink',
        'unlink',
        'rm',
        'readFile',
        'readdir',
        'readlink',
        'lstat',
        'realpath',
      ),
      path,
    }),
  },
);

const slot = fc.nat({ max: 2 });

/** A call on an open file, or the opening of one. */
const anyHandleCall: fc.Arbitrary<HandleCall> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('open'),
      slot,
      path,
      flag: fc.constantFrom('r', 'r+', 'w', 'w+', 'w+', 'a', 'a+', 'wx', 'ax+'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('read'), slot, size: fc.constantFrom(2, 50) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('write'), slot, text, at: fc.option(fc.nat({ max: 9 }), { freq: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('ftruncate'), slot, size: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('fstat', 'close'), slot }) },
);

export const anyAction: fc.Arbitrary<Action> = fc.oneof({ weight: 3, arbitrary: anyCall }, { weight: 2, arbitrary: anyHandleCall });
