/*
 * What ZenFS gets when it asks for attributes. It keeps the object as long as a file is open, changes it in place, and hands it back
 * whole, long after. So the object remembers what it was given, and tells what ZenFS has changed: the rest must not be written
 * back, because somebody else may have changed it since.
 */

import { Attributes, type InodeLike } from '@zenfs/core';
import { encodeUtf8 } from '../base/bytes.ts';
import type { Attr } from '../base/stats.ts';

/** Changes of attributes, as ZenFS wants them. */
export interface AttributeChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atimeMs?: number;
  readonly mtimeMs?: number;
}

/** Extended attributes by name. */
export type Xattrs = ReadonlyMap<string, Uint8Array>;

/** Extended attributes to set, and those to remove (`undefined`). */
export type XattrChanges = ReadonlyMap<string, Uint8Array | undefined>;

const FIELDS = ['mode', 'uid', 'gid', 'atimeMs', 'mtimeMs'] as const satisfies readonly (keyof AttributeChanges)[];

/** Bytes for extended attributes that an inode of ZenFS has: a counter of 4, then for each its name, its value and 8 more. */
const XATTR_SPACE = 3968;
const XATTR_COUNTER = 4;
const XATTR_OVERHEAD = 8;

export class OverlayInode implements InodeLike {
  // ZenFS copies an inode's own properties into its `Stats`, so what is to be seen there stands here.
  ino!: number;
  mode!: number;
  uid!: number;
  gid!: number;
  rdev!: number;
  nlink!: number;
  size!: number;
  atimeMs!: number;
  mtimeMs!: number;
  ctimeMs!: number;
  birthtimeMs!: number;
  #given!: Attr;
  readonly #readXattrs: () => Xattrs;
  #attributes: Attributes | undefined;
  readonly #givenXattrs = new Map<string, Uint8Array>();

  /** `readXattrs` is called when ZenFS first looks at the extended attributes: they cost 4 KiB. */
  constructor(attr: Attr, readXattrs: () => Xattrs) {
    this.#readXattrs = readXattrs;
    this.renew(attr);
  }

  /** Takes over the engine's attributes, and forgets what ZenFS had changed. */
  renew(attr: Attr): void {
    this.#given = attr;
    Object.assign(this, attr);
  }

  /** The modification time that was given. */
  get givenMtimeMs(): number {
    return this.#given.mtimeMs;
  }

  get givenSize(): number {
    return this.#given.size;
  }

  /** What ZenFS has changed, its size and extended attributes aside. */
  changes(): AttributeChanges {
    return Object.fromEntries(FIELDS.filter((field) => this[field] !== this.#given[field]).map((field) => [field, this[field]]));
  }

  /** A getter of the prototype, so that what copies an inode's own properties does not make it. */
  get attributes(): Attributes {
    this.#attributes ??= this.#makeAttributes();
    return this.#attributes;
  }

  /** What does not fit is left out, and stays as it is. */
  #makeAttributes(): Attributes {
    const attributes = new Attributes(new ArrayBuffer(XATTR_SPACE));
    let room = XATTR_SPACE - XATTR_COUNTER;
    for (const [name, value] of this.#readXattrs()) {
      const size = XATTR_OVERHEAD + encodeUtf8(name).length + value.length;
      if (size > room) continue;
      room -= size;
      this.#givenXattrs.set(name, value);
      attributes.set(name, value);
    }
    return attributes;
  }

  /** Which extended attributes ZenFS has changed. */
  xattrChanges(): XattrChanges {
    const changes = new Map<string, Uint8Array | undefined>();
    if (this.#attributes === undefined) return changes;
    const given = this.#givenXattrs;
    for (const name of given.keys()) if (!this.#attributes.has(name)) changes.set(name, undefined);
    for (const name of this.#attributes.keys()) {
      const value = this.#attributes.get(name);
      if (value !== undefined && !isSame(value, given.get(name))) changes.set(name, value.slice());
    }
    return changes;
  }
}

const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => a.length === b?.length && a.every((byte, i) => byte === b[i]);

/** The changes that a plain, partial inode asks for: all that it says. */
export function changesOf(metadata: Partial<InodeLike>): AttributeChanges {
  const said = FIELDS.filter((field) => metadata[field] !== undefined);
  return Object.fromEntries(said.map((field) => [field, Number(metadata[field])]));
}
