/* Makes a `Tree` through the calls of a file system, for faces that have no lower layers. */

import type { FsPromises } from '../../src/fs/api.ts';
import { SEED_TIME, type Tree, type TreeAttributes, type TreeDirectory, type TreeNode, modeOf } from './tree.ts';

/** Bytes of zeros that are written at a time. */
const PIECE = 1 << 20;

/** Makes everything of `root` below the existing directory `path`. Marks of layers have no meaning here and are refused. */
export async function writeTree(fs: FsPromises, path: string, root: Tree): Promise<void> {
  await writeChildren(fs, path, root, path);
}

async function writeChildren(fs: FsPromises, path: string, directory: TreeDirectory, root: string): Promise<void> {
  // All at once, so that what waits for a commit waits for one with many.
  const nodes = directory.children.filter((child) => child.kind !== 'link');
  await Promise.all(nodes.map((child) => writeNode(fs, `${path}/${child.name}`, child, root)));
  for (const child of directory.children) {
    if (child.kind === 'link') await fs.link(`${root}/${child.to}`, `${path}/${child.name}`);
  }
}

async function writeNode(fs: FsPromises, path: string, node: Exclude<TreeNode, { kind: 'link' }>, root: string): Promise<void> {
  switch (node.kind) {
    case 'file':
      await writeContent(fs, path, node.content);
      break;
    case 'directory':
      if (node.opaque) throw new TypeError(`${path}: an opaque directory is a matter of layers`);
      await fs.mkdir(path);
      await writeChildren(fs, path, node, root);
      break;
    case 'symlink':
      await fs.symlink(node.target, path);
      return;
    case 'special':
      await fs.mknod(path, modeOf(node), node.rdev);
      break;
    case 'whiteout':
      throw new TypeError(`${path}: a whiteout is a matter of layers`);
    default:
      node satisfies never;
  }
  await describe(fs, path, node.attributes, modeOf(node) & 0o7777);
}

async function writeContent(fs: FsPromises, path: string, content: Uint8Array | number): Promise<void> {
  if (typeof content !== 'number') {
    await fs.writeFile(path, content);
    return;
  }
  await fs.writeFile(path, '');
  for (let left = content; left > 0; left -= PIECE) await fs.appendFile(path, new Uint8Array(Math.min(left, PIECE)));
}

async function describe(
  fs: FsPromises,
  path: string,
  { uid, gid, mtime = SEED_TIME, xattrs }: TreeAttributes,
  mode: number,
): Promise<void> {
  for (const [name, value] of xattrs ?? []) await fs.setxattr(path, name, value);
  if (uid !== undefined || gid !== undefined) await fs.chown(path, uid ?? 0, gid ?? 0);
  await fs.chmod(path, mode);
  await fs.utimes(path, mtime / 1000, mtime / 1000);
}
