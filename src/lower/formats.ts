/*
 * Formats that most applications never meet: images, SquashFS and directories of plain files. The packaged worker has them in a file of
 * its own, loaded when the first of them is opened (decision 0025).
 */

export { openDirectory } from './directory-layer.ts';
export { openImage } from './oci-image.ts';
export { openSquashfsLayer, restoreSquashfsLayer } from './squashfs-layer.ts';
