/* stratafs/zenfs: the union as a file system of ZenFS. Needs @zenfs/core beside it. */

export { Overlay, type LowerOptions, type OverlayBackendOptions } from './zenfs/backend.ts';
export { openZenfsLayer, type ZenfsLayerOptions } from './zenfs/zenfs-layer.ts';
export { OverlayFS, type Release } from './zenfs/overlay-fs.ts';
