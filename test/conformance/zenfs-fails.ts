export const ZENFS_FAILS: ReadonlyMap<string, string> = new Map([
  ['cp: a directory cannot be copied into itself', 'it copies for ever'],
]);
