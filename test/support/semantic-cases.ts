/* The semantic cases as data: test/fixtures/semantics/cases.json, whose expectations are the answers of the Linux kernel. */

import casesJson from '../fixtures/semantics/cases.json' with { type: 'json' };
import { S_IFIFO } from '../../src/base/mode.ts';
import { type Tree, type TreeAttributes, type TreeNode, dir, file, opaque, sparse, symlink, tree, whiteout } from './tree.ts';

export interface SemanticCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  /** Topmost first; each maps a path to an entry in the notation of `nodeOf`. */
  readonly lowers: readonly Readonly<Record<string, string>>[];
  readonly upper: Readonly<Record<string, string>>;
  /** `[op, …args, '=>', expected]` */
  readonly ops: readonly (readonly (string | number)[])[];
  /** The upper afterwards; `null`: not checked. */
  readonly after: string | null;
  /** Options of the kernel's mount that differ from "everything off". */
  readonly opts: string;
  readonly fs: string;
}

export const semanticCases = casesJson as unknown as readonly SemanticCase[];

/** Makes a tree of a layer of a case. */
export function caseTree(layer: Readonly<Record<string, string>>): Tree {
  return tree(...childrenOf(Object.entries(layer), ''));
}

function childrenOf(entries: readonly (readonly [path: string, form: string])[], directory: string): TreeNode[] {
  return entries
    .filter(([path]) => path.slice(0, Math.max(0, path.lastIndexOf('/'))) === directory)
    .map(([path, form]) => nodeOf(path.slice(path.lastIndexOf('/') + 1), form, childrenOf(entries, path)));
}

const FORM = /^(?<type>[a-zA-Z]x?)(?<mode>[0-7]+)?(?:@(?<uid>\d+):(?<gid>\d+))?(?::(?<rest>[^]*))?$/;

/** Reads one entry: `f0600@1:2:DATA;user.k=v`, `d0700`, `D`, `l:TARGET`, `h:PATH`, `w`, `p`, `s:N`, and the xattr forms `dx`, `wx`. */
export function nodeOf(name: string, form: string, children: readonly TreeNode[]): TreeNode {
  const { type, mode, uid, gid, rest = '' } = FORM.exec(form)?.groups ?? {};
  const attributes: TreeAttributes = {
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
    ...(uid !== undefined && { uid: Number(uid), gid: Number(gid) }),
  };
  switch (type) {
    case 'f':
      return fileOf(name, rest, attributes);
    case 'd':
    case 'dx':
      return dir(name, attributes, ...children);
    case 'D':
      return opaque(name, attributes, ...children);
    case 'l':
      return symlink(name, rest, attributes);
    case 'h':
      return { kind: 'link', name, to: rest };
    case 'w':
    case 'wx':
      return whiteout(name);
    case 'p':
      return { kind: 'special', name, type: S_IFIFO, rdev: 0, attributes };
    case 's':
      return sparse(name, Number(rest), attributes);
    default:
      throw new TypeError(`${name}: not an entry of a case: ${form}`);
  }
}

function fileOf(name: string, rest: string, attributes: TreeAttributes): TreeNode {
  const [content = '', ...pairs] = rest.split(';');
  const xattrs = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
  return file(name, content, xattrs.size > 0 ? { ...attributes, xattrs } : attributes);
}

/** Cases of what there is not here, with the reason. */
export const NOT_APPLICABLE: ReadonlyMap<string, string> = new Map([
  ['U31', 'a browser has no memory mappings'],
  ['P08', 'the mount option `volatile` does not exist'],
  ['P09', 'there is no workdir: a commit is one transaction'],
  ['P11', 'data-only layers do not exist; what they are for, content shared by digest, is a matter of the block cache'],
  ['P12', 'there is no statfs'],
]);

export const applicableCases = semanticCases.filter(({ id }) => !NOT_APPLICABLE.has(id));
