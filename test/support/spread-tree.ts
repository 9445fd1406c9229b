/*
 * Cuts one tree into several that merge to it again, so that the same test runs over things that come from different
 * layers. Every layer but the top one also gets decoys that the layers above it must hide: an older file under each file,
 * and a name that a whiteout above deletes.
 */

import { type Tree, type TreeDirectory, type TreeNode, dir, file, symlink, whiteout } from './tree.ts';

/** Where a path goes: any function of the path would do, as long as it is spread and always the same. */
function placeOf(path: string, count: number): number {
  let hash = 7;
  for (const character of path) hash = (hash * 31 + character.codePointAt(0)!) % 65_521;
  return hash % count;
}

/** Gives `count` trees, topmost first. */
export function spread(whole: Tree, count: number): Tree[] {
  return Array.from({ length: count }, (_, layer) => cut(whole, '', layer, count));
}

function cut(directory: TreeDirectory, path: string, layer: number, count: number): TreeDirectory {
  const children: TreeNode[] = [];
  for (const node of directory.children) {
    const here = path === '' ? node.name : `${path}/${node.name}`;
    if (node.kind === 'directory') {
      if (hasPart(node, here, layer, count) || placeOf(here, count) === layer) children.push(cut(node, here, layer, count));
      continue;
    }
    const place = placeOf(node.kind === 'link' ? node.to : here, count);
    if (place === layer) children.push(node);
    else if (place < layer) children.push(decoyOf(node));
  }
  return { ...directory, children: path === '' ? [...children, ...marksOf(layer, count)] : children };
}

/** Tells whether anything below a directory goes to a layer: then the directory has to be there as well. */
function hasPart(directory: TreeDirectory, path: string, layer: number, count: number): boolean {
  return directory.children.some((node) => {
    const here = `${path}/${node.name}`;
    if (node.kind === 'directory') return placeOf(here, count) === layer || hasPart(node, here, layer, count);
    return placeOf(node.kind === 'link' ? node.to : here, count) <= layer;
  });
}

/** What an older layer has where a newer one has `node`: something else, of another type. */
function decoyOf(node: TreeNode): TreeNode {
  if (node.kind === 'file') return file(node.name, 'older content that must not show');
  if (node.kind === 'symlink') return dir(node.name, file('older'));
  return symlink(node.name, 'older');
}

const DELETED = '.deleted-by-a-layer-above';

function marksOf(layer: number, count: number): TreeNode[] {
  if (count < 2) return [];
  if (layer === count - 1) return [dir(DELETED, file('x', 'must not show'))];
  return layer === 0 ? [whiteout(DELETED)] : [];
}
