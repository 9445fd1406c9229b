/*
 * Where records stand: in packs, or in rows of their own. A later pack overrules earlier ones, a row overrules packs. A commit writes what it changes as
 * one small pack into the row of its turn; large records, which would fill packs with what is soon overruled, stay in rows.
 *
 * Small packs are folded into large ones when much has gathered in them. Entries that were overruled are waste; when they are more than the rest, the
 * oldest packs are removed and what still counts in them is written anew. Always the oldest, or all the small ones, which are the newest: what a pack says
 * that a record is gone counts only against older packs.
 */

import { type Commit, type UpperRecord, contentOf } from '../layer/upper.ts';
import type { LayoutSettings, PlanOptions } from './layout.ts';
import { type RawEntry, entryTexts } from './record-entries.ts';
import { decodePack, encodePack } from './record-pack.ts';
import { encodeRecord, withOwnXattrs } from './stored-record.ts';
import type { Plan, ReadRows, RowChange } from './stored-rows.ts';

/** A pack of which nothing is known yet but what it says. */
interface FoundPack {
  /** `undefined` for one in the row of a turn. */
  readonly key: number | undefined;
  /** Ids, `-1 - id` for what is gone. */
  readonly said: readonly number[];
  /** The records of a small one, in the order of the ids. */
  readonly records: readonly (UpperRecord | undefined)[] | undefined;
}

/** A pack that is not folded any more. */
interface Pack {
  readonly key: number;
  /** Of the records that it holds. */
  readonly ids: number[];
  /** What it says in all, of records that are gone too. */
  readonly entries: number;
  /** Records that stand here and are overruled by nothing. */
  live: number;
}

/** What a new pack says of an id. */
interface Entry {
  readonly id: number;
  readonly text: string;
  readonly isGone: boolean;
}

type Records = Commit['records'];

/** The records of a commit by where they go: into packs, or into rows. */
interface Sorted {
  readonly small: Records;
  readonly large: ReadonlyMap<number, UpperRecord>;
}

export class RecordPlaces {
  #found: FoundPack[] = [];
  /** Oldest first. */
  #packs: Pack[] = [];
  /** The newest of them that has a record of this id. */
  readonly #packOf = new Map<number, Pack>();
  /** Keys of the small packs that are no turn's. They are newer than all others, and older than the turns'. */
  #recentKeys: number[] = [];
  /** Entries of the small packs. */
  #recentEntries = 0;
  /** What the small packs say; `undefined` where a record is gone. */
  readonly #recent = new Map<number, UpperRecord | undefined>();
  /** What rows say; `undefined` for the row that says that a record is gone. */
  readonly #rows = new Map<number, UpperRecord | undefined>();
  /** Rows that stay rows. */
  readonly #large = new Set<number>();

  constructor(private readonly settings: LayoutSettings) {}

  /** Tells of a pack that is there, with what its entries mean: in the order of the keys, and then of those in rows of turns, without one. */
  foundPack(key: number | undefined, entries: readonly RawEntry[], records: readonly (UpperRecord | undefined)[]): void {
    const said = entries.map(([id, record]) => (record === null ? -1 - id : id));
    const isSmall = key === undefined || said.length < this.settings.packFrom;
    this.#found.push({ key, said, records: isSmall ? records : undefined });
  }

  /** Tells of a row that is there. */
  foundRow(id: number, record: UpperRecord | undefined): void {
    this.#rows.set(id, record);
    if (record !== undefined && this.#isLarge(record)) this.#large.add(id);
  }

  /** Works out what counts of the packs that were found: the first commit needs to know, and opening a workspace does not. */
  #settle(): void {
    if (this.#found.length === 0) return;
    const recentFrom = 1 + this.#found.findLastIndex(({ records }) => records === undefined);
    for (const { key, said } of this.#found.slice(0, recentFrom)) {
      const pack = this.#newPack(key!, said.length);
      for (const id of said) {
        const before = this.#packOf.get(idOf(id));
        if (before !== undefined) before.live--;
        this.#say(pack, idOf(id), id < 0);
      }
    }
    for (const { key, said, records } of this.#found.slice(recentFrom)) {
      if (key !== undefined) this.#recentKeys.push(key);
      this.#recentEntries += said.length;
      for (const [i, id] of said.entries()) this.#recent.set(idOf(id), records![i]);
    }
    this.#found = [];
    for (const id of new Set([...this.#recent.keys(), ...this.#rows.keys()])) {
      const pack = this.#packOf.get(id);
      if (pack !== undefined) pack.live--;
    }
  }

  /** What a commit of these records changes. */
  plan(records: Records, options: PlanOptions): Plan | Promise<Plan> {
    this.#settle();
    const { packFrom, gathered } = this.settings;
    const sorted = this.#sort(records);
    const { size } = sorted.small;
    const entries = this.#recentEntries + this.#rows.size - this.#large.size + size;
    const isDue = size >= packFrom || (size > 0 && entries > gathered);
    return options.fold || (isDue && !options.bare) ? this.#planFolding(sorted, options) : this.#planSmall(sorted);
  }

  #sort(records: Records): Sorted {
    const large = new Map<number, UpperRecord>();
    for (const [id, record] of records) if (record !== undefined && this.#isLarge(record)) large.set(id, record);
    const small = large.size === 0 ? records : new Map([...records].filter(([id]) => !large.has(id)));
    return { small, large };
  }

  /** A file's list of chunks grows with it, and is written with each change of it. */
  #isLarge(record: UpperRecord): boolean {
    const content = contentOf(record);
    if (content === undefined) return false;
    let bytes = 8 * content.chunks.length + 32 * content.names.length + (content.target?.length ?? 0);
    for (const value of content.xattrs?.values() ?? []) bytes += value.length;
    return bytes > this.settings.large;
  }

  #planSmall(sorted: Sorted): Plan {
    const { small } = sorted;
    const entries = entriesOf(small).filter(({ id, isGone }) => !isGone || this.#recent.has(id) || this.#packOf.has(id));
    const changes = this.#rowChanges(sorted, []);
    const apply = (): void => {
      for (const id of small.keys()) this.#removeRow(id);
      this.#recentEntries += entries.length;
      for (const { id } of entries) {
        this.#overrule(id);
        const record = small.get(id);
        this.#recent.set(id, record && withOwnXattrs(record));
      }
      this.#setLarge(sorted);
    };
    return { changes, records: entries.length > 0 ? packOf(entries) : undefined, isMore: false, apply };
  }

  async #planFolding(sorted: Sorted, { bare, read }: PlanOptions): Promise<Plan> {
    const { small, large } = sorted;
    const folded = this.#foldable(sorted);
    const touched = new Set([...folded.keys(), ...small.keys(), ...large.keys()]);
    const entries = [...entriesOf(folded), ...entriesOf(small)];
    const outdated = bare ? [] : this.#outdated(touched, entries);
    const carried = await this.#carry(outdated, touched, read);
    const dropped = new Set(carried === undefined ? [] : outdated);
    const isStillSaid = (id: number): boolean => {
      const pack = this.#packOf.get(id);
      return pack !== undefined && !dropped.has(pack);
    };
    const packs = this.#numbered([...(carried ?? []), ...entries].filter(({ id, isGone }) => !isGone || isStillSaid(id)));
    const changes: RowChange[] = Array.from(dropped, ({ key }) => ({ store: 'packs', key, value: undefined }));
    const [from, to] = [this.#recentKeys[0], this.#recentKeys.at(-1)];
    if (from !== undefined && to !== undefined) changes.push({ store: 'packs', from, to });
    changes.push(...this.#rowChanges(sorted, folded.keys()), ...packs.map(putPack));
    const apply = (): void => {
      for (const id of [...folded.keys(), ...small.keys()]) this.#removeRow(id);
      this.#removeRecent();
      this.#drop(dropped);
      for (const { key, part } of packs) {
        const pack = this.#newPack(key, part.length);
        for (const { id, isGone } of part) {
          this.#overrule(id);
          this.#say(pack, id, isGone);
        }
      }
      this.#setLarge(sorted);
    };
    return { changes, isFolded: true, isMore: folded.size > 0 || (carried ?? []).length > 0, apply };
  }

  /** What goes into packs with the next ones: what the small ones say, and rows, as many as are folded at once. */
  #foldable({ small, large }: Sorted): Map<number, UpperRecord | undefined> {
    const folded = new Map<number, UpperRecord | undefined>();
    const isLeft = (id: number): boolean => small.has(id) || large.has(id);
    for (const [id, record] of this.#recent) if (!this.#rows.has(id) && !isLeft(id)) folded.set(id, record);
    let left = this.settings.atOnce;
    for (const [id, record] of this.#rows) {
      if (this.#large.has(id) || isLeft(id)) continue;
      if (left-- <= 0) break;
      folded.set(id, record);
    }
    return folded;
  }

  /** Puts large records, and removes the rows of what goes into packs. */
  #rowChanges({ small, large }: Sorted, folded: Iterable<number>): RowChange[] {
    const changes: RowChange[] = [];
    for (const id of [...folded, ...small.keys()]) if (this.#rows.has(id)) changes.push({ store: 'records', key: id, value: undefined });
    for (const [id, record] of large) changes.push({ store: 'records', key: id, value: encodeRecord(record) });
    return changes;
  }

  /** Entries as packs, with the keys that are next. */
  #numbered(entries: readonly Entry[]): NewPack[] {
    const first = (this.#recentKeys.at(-1) ?? this.#packs.at(-1)?.key ?? 0) + 1;
    return slices(entries, this.settings.packSize).map((part, i) => ({ key: first + i, part }));
  }

  /** The oldest packs, as many as have to go so that waste is not more than the rest once `touched` is overruled, and those in which nothing counts. */
  #outdated(touched: ReadonlySet<number>, fresh: readonly Entry[]): Pack[] {
    const { atOnce, slack } = this.settings;
    const live = new Map(this.#packs.map((pack) => [pack, pack.live]));
    for (const id of touched) {
      const pack = this.#packOf.get(id);
      if (pack !== undefined && !this.#isOverruled(id)) live.set(pack, live.get(pack)! - 1);
    }
    let entries = fresh.length;
    let kept = fresh.filter(({ isGone }) => !isGone).length;
    for (const [pack, count] of live) {
      entries += pack.entries;
      kept += count;
    }
    const outdated: Pack[] = [];
    let carried = 0;
    for (const [pack, count] of live) {
      const isEnough = entries <= 2 * kept + slack || carried + count > atOnce;
      if (isEnough && count > 0) break;
      outdated.push(pack);
      carried += count;
      entries -= pack.entries - count;
    }
    return outdated;
  }

  /** What still counts in packs that are to go; `undefined` where nothing goes, because there is none or one is damaged: the next load tells of that. */
  async #carry(outdated: readonly Pack[], touched: ReadonlySet<number>, read: ReadRows): Promise<Entry[] | undefined> {
    if (outdated.length === 0) return undefined;
    const counting = outdated.filter((pack) => pack.ids.some((id) => this.#counts(id, pack) && !touched.has(id)));
    const values =
      counting.length === 0
        ? []
        : await read(
            'packs',
            counting.map(({ key }) => key),
          );
    const carried: Entry[] = [];
    for (const [i, pack] of counting.entries()) {
      const found = decodePack(values[i]);
      if (found === undefined) return undefined;
      for (const entry of found) {
        const [id] = entry;
        if (this.#counts(id, pack) && !touched.has(id)) carried.push({ id, text: JSON.stringify(entry), isGone: false });
      }
    }
    return carried;
  }

  /** Tells whether what a pack says of an id is overruled by nothing. */
  #counts(id: number, pack: Pack): boolean {
    return this.#packOf.get(id) === pack && !this.#isOverruled(id);
  }

  /** Tells whether a row or a small pack says something of an id. */
  #isOverruled(id: number): boolean {
    return this.#recent.has(id) || this.#rows.has(id);
  }

  /** Something newer than the packs says something of this id from now on. */
  #overrule(id: number): void {
    const pack = this.#packOf.get(id);
    if (pack !== undefined && !this.#isOverruled(id)) pack.live--;
  }

  /** Something that was newer than the packs says nothing of this id any more. */
  #uncover(id: number): void {
    const pack = this.#packOf.get(id);
    if (pack !== undefined && !this.#isOverruled(id)) pack.live++;
  }

  #removeRow(id: number): void {
    if (!this.#rows.delete(id)) return;
    this.#large.delete(id);
    this.#uncover(id);
  }

  #removeRecent(): void {
    const ids = [...this.#recent.keys()];
    this.#recent.clear();
    this.#recentKeys = [];
    this.#recentEntries = 0;
    for (const id of ids) this.#uncover(id);
  }

  #setLarge({ large }: Sorted): void {
    for (const [id, record] of large) {
      this.#overrule(id);
      this.#rows.set(id, withOwnXattrs(record));
      this.#large.add(id);
    }
  }

  #newPack(key: number, entries: number): Pack {
    const pack: Pack = { key, ids: [], entries, live: 0 };
    this.#packs.push(pack);
    return pack;
  }

  #say(pack: Pack, id: number, isGone: boolean): void {
    if (isGone) {
      this.#packOf.delete(id);
      return;
    }
    pack.ids.push(id);
    pack.live++;
    this.#packOf.set(id, pack);
  }

  #drop(dropped: ReadonlySet<Pack>): void {
    if (dropped.size === 0) return;
    for (const pack of dropped) for (const id of pack.ids) if (this.#packOf.get(id) === pack) this.#packOf.delete(id);
    this.#packs = this.#packs.filter((pack) => !dropped.has(pack));
  }
}

/** A pack that is to be written. */
interface NewPack {
  readonly key: number;
  readonly part: readonly Entry[];
}

const putPack = ({ key, part }: NewPack): RowChange => ({ store: 'packs', key, value: packOf(part) });

const packOf = (entries: readonly Entry[]): Uint8Array => encodePack(entries.map(({ text }) => text));

function entriesOf(records: Records): Entry[] {
  const texts = entryTexts(records);
  let i = 0;
  return Array.from(records, ([id, record]) => ({ id, text: texts[i++]!, isGone: record === undefined }));
}

/** The id of what a pack that was found says something of. */
const idOf = (said: number): number => (said < 0 ? -1 - said : said);

/** A list in pieces of at most `size`. */
function slices<T>(list: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < list.length; at += size) pieces.push(list.slice(at, at + size));
  return pieces;
}
