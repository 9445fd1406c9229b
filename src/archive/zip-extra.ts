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

/** What is `undefined` is not there. */
export interface ExtraFields {
  /** 64-bit values, in the order in which the entry leaves them out of its own fields. */
  zip64: DataView | undefined;
  /** Milliseconds since the epoch. */
  mtime: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  /** The name in UTF-8, and the CRC-32 of the name that it stands for. */
  unicodePath: { readonly name: Uint8Array; readonly crc: number } | undefined;
}

/** Reads the fields that matter here, which stand in [from, to). */
export function readExtraFields(view: DataView, from: number, to: number): ExtraFields {
  const fields: ExtraFields = { zip64: undefined, mtime: undefined, uid: undefined, gid: undefined, unicodePath: undefined };
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
        readOwner(view, start, end, fields);
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

/** Version 1: sizes of the two numbers stand before them. A field that cannot be read says nothing, whatever one before it said. */
function readOwner(view: DataView, start: number, end: number, fields: ExtraFields): void {
  fields.uid = undefined;
  fields.gid = undefined;
  if (end - start < 3 || view.getUint8(start) !== 1) return;
  const uidEnd = start + 2 + view.getUint8(start + 1);
  if (uidEnd >= end) return;
  const gidEnd = uidEnd + 1 + view.getUint8(uidEnd);
  if (gidEnd > end) return;
  const uid = readNumber(view, start + 2, uidEnd);
  const gid = readNumber(view, uidEnd + 1, gidEnd);
  if (uid === undefined || gid === undefined) return;
  fields.uid = uid;
  fields.gid = gid;
}

/** Little-endian, of 1 to 4 bytes: user ids of Linux have no more. */
function readNumber(view: DataView, start: number, end: number): number | undefined {
  if (end <= start || end - start > 4) return undefined;
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 256 + view.getUint8(at);
  return value;
}
