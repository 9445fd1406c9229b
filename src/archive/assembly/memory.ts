/* The memory grows with what a directory needs. It is given back with the instance. */

/** In pages of 64 KiB: each growth takes a while. */
const STEP: i32 = 16;
/** Names are compared eight bytes at a time. */
const SLACK: usize = 8;

/** Makes sure that there is memory up to `end`; says whether there is. */
export function reach(end: usize): bool {
  const missing = i32((end + SLACK + 0xffff) >> 16) - memory.size();
  return missing <= 0 || memory.grow(max(missing, STEP)) >= 0;
}
