/* stratafs/pack: makes archives that a browser can mount piece by piece. For Node. */

export { pack, type Packed, type PackFormat, type PackOptions } from './pack/pack.ts';
export type { PackWarning } from './pack/entry.ts';
export { indexDirectory, type DirectoryIndex, type DirectoryIndexOptions } from './pack/directory.ts';
export { packOci, type OciLayout, type OciOptions } from './pack/oci.ts';
