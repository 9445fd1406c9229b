/* Times and owners. Fields that are cut short or lie about their length end the list, as in src/archive/zip-extra.ts. */

import { DOS_TIME, EXTRA_LENGTH, HEADER_SIZE, RAW_NAME_LENGTH } from './layout';

const NTFS: u32 = 0x000a;
const TIMESTAMP: u32 = 0x5455;
const UNICODE_PATH: u32 = 0x7075;
const UNIX_OWNER: u32 = 0x7875;

/** Version 1, and two numbers of 4 bytes: what archivers write. */
const OWNER_SIZE: u32 = 11;
const OWNER_START: u32 = 0x0401;

/** From 1980: the seconds of all these fit into 32 bits. */
const MAX_YEARS: u32 = 124;
/** From the first day of the year 0 to 1970, where years begin with March. */
const DAYS_TO_1970: u32 = 719_468;

/** Seconds since the epoch. */
export let mtime: u32 = 0;
/** u32 uid, u32 gid. */
export let owner: u64 = 0;

/** Reads when an entry was changed, and whose it is; says whether that is plain. */
export function readExtra(header: usize): bool {
  let at = header + HEADER_SIZE + load<u16>(header, RAW_NAME_LENGTH);
  const to = at + load<u16>(header, EXTRA_LENGTH);
  mtime = timeOfDos(load<u32>(header, DOS_TIME));
  owner = 0;
  while (at + 4 <= to) {
    const id: u32 = load<u16>(at);
    const size: u32 = load<u16>(at, 2);
    at += 4;
    if (at + size > to) break;
    if (id == TIMESTAMP) {
      if (size >= 5 && (load<u8>(at) & 1) != 0) mtime = load<u32>(at, 1);
    } else if (id == UNIX_OWNER) {
      if (size != OWNER_SIZE || load<u16>(at) != OWNER_START || load<u8>(at, 6) != 4) return false;
      owner = load<u32>(at, 2) | (u64(load<u32>(at, 7)) << 32);
    } else if (id == NTFS || id == UNICODE_PATH) return false;
    at += size;
  }
  // From 1970 to 2038.
  return i32(mtime) >= 0;
}

/** Date and time of DOS, taken as UTC. Numbers that are too large count on into the next month, day or hour. */
function timeOfDos(dos: u32): u32 {
  if (dos >> 25 > MAX_YEARS) return ~0;
  const month = max((dos >> 21) & 15, 1);
  // Months from March on: then the day that leap years have is their last one.
  const months = (1980 + (dos >> 25)) * 12 + month - 3;
  const year = months / 12;
  const days = year * 365 + year / 4 - year / 100 + year / 400 + ((months % 12) * 153 + 2) / 5 + max((dos >> 16) & 31, 1) - 1;
  return (days - DAYS_TO_1970) * 86_400 + ((dos >> 11) & 31) * 3600 + ((dos >> 5) & 63) * 60 + (dos & 31) * 2;
}
