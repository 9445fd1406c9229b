/*
 * Extra fields of zip entries (APPNOTE.TXT 4.5; Info-ZIP's extrafld.txt for the Unix ones). Fields that are cut short or
 * lie about their length end the list: what stands before them counts, as in Info-ZIP's unzip.
 */

const ZIP64 = 0x0001;
const NTFS = 0x000a;
const TIMESTAMP = 0x5455;
const UNICODE_PATH = 0x7075;
const UNIX_OWNER = 0x7875;

/** Milliseconds between 1601, where NTFS counts from, and 1970. */
const NTFS_EPOCH_MS = 11_644_473_600_000;

export interface ExtraFields {
  /** 64-bit values, in the order in which the entry leaves them out of its own fields. */
  readonly zip64?: DataView | undefined;
  /** Milliseconds since the epoch. */
  readonly mtime?: number | undefined;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** The name in UTF-8, and the CRC-32 of the name that it stands for. */
  readonly unicodePath?: { readonly name: Uint8Array; readonly crc: number } | undefined;
}

const NONE: ExtraFields = {};

/** Reads the fields that matter here, which stand in [from, to). A directory has one such list an entry: nothing is made of what is not there. */
export function readExtraFields(view: DataView, from: number, to: number): ExtraFields {
  if (to - from < 4) return NONE;
  const fields: { -readonly [K in keyof ExtraFields]: ExtraFields[K] } = {
    zip64: undefined,
    mtime: undefined,
    owner: undefined,
    unicodePath: undefined,
  };
  let ntfsTime: number | undefined;
  for (let at = from; at + 4 <= to;) {
    const start = at + 4;
    const end = start + view.getUint16(at + 2, true);
    if (end > to) break;
    switch (view.getUint16(at, true)) {
      case ZIP64:
        fields.zip64 = new DataView(view.buffer, view.byteOffset + start, end - start);
        break;
      case TIMESTAMP:
        if (end - start >= 5 && (view.getUint8(start) & 1) !== 0) fields.mtime = view.getInt32(start + 1, true) * 1000;
        break;
      case NTFS:
        ntfsTime = readNtfsTime(view, start, end);
        break;
      case UNIX_OWNER:
        fields.owner = readOwner(view, start, end);
        break;
      case UNICODE_PATH:
        if (end - start > 5 && view.getUint8(start) === 1)
          fields.unicodePath = {
            name: new Uint8Array(view.buffer, view.byteOffset + start + 5, end - start - 5),
            crc: view.getUint32(start + 1, true),
          };
        break;
    }
    at = end;
  }
  fields.mtime ??= ntfsTime;
  return fields;
}

/** Attribute 1 of the NTFS field: three times in units of 100 ns, modification first. */
function readNtfsTime(view: DataView, start: number, end: number): number | undefined {
  for (let at = start + 4; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1 || at + 12 > end) continue;
    return Math.floor(Number(view.getBigUint64(at + 4, true)) / 10_000) - NTFS_EPOCH_MS;
  }
  return undefined;
}

/** Version 1: sizes of the two numbers stand before them. */
function readOwner(view: DataView, start: number, end: number): ExtraFields['owner'] {
  if (end - start < 3 || view.getUint8(start) !== 1) return undefined;
  const uidEnd = start + 2 + view.getUint8(start + 1);
  if (uidEnd >= end) return undefined;
  const gidEnd = uidEnd + 1 + view.getUint8(uidEnd);
  if (gidEnd > end) return undefined;
  const uid = readNumber(view, start + 2, uidEnd);
  const gid = readNumber(view, uidEnd + 1, gidEnd);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** Little-endian, of 1 to 4 bytes: user ids of Linux have no more. */
function readNumber(view: DataView, start: number, end: number): number | undefined {
  if (end <= start || end - start > 4) return undefined;
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 256 + view.getUint8(at);
  return value;
}
