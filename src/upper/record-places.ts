/*
 * Where records stand: in a row of their own, or in a pack. A row overrules packs, a later pack overrules earlier ones. So a change writes one row,
 * whatever stands in packs; the row of a record that is gone holds `null` where a pack still has it.
 *
 * Rows are folded into packs when they have become many. Entries that were overruled are waste; when they are more than the rest, the oldest packs
 * are removed and what still counts in them is written anew. Always the oldest: what a pack says that a record is gone counts only against older packs.
 */

import type { Commit, UpperRecord } from '../layer/upper.ts';
import type { LayoutSettings, PlanOptions } from './layout.ts';
import { type RawEntry, entryText, entryTexts } from './record-entries.ts';
import { decodePack, encodePack } from './record-pack.ts';
import { encodeRecord, withOwnXattrs } from './stored-record.ts';
import { type Plan, type ReadRows, type RowChange, hasRanges } from './stored-rows.ts';

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

export class RecordPlaces {
  /** Packs of which nothing is known yet but what they say: ids, `-1 - id` for what is gone. */
  #found: { readonly key: number; readonly said: readonly number[] }[] = [];
  /** Oldest first. */
  #packs: Pack[] = [];
  /** The newest pack that has a record of this id. */
  readonly #packOf = new Map<number, Pack>();
  /** The records that stand in rows; `undefined` for the row that says that a record is gone. */
  readonly #rows = new Map<number, UpperRecord | undefined>();

  constructor(private readonly settings: LayoutSettings) {}

  /** Tells of a pack that is there. In the order of the keys. */
  foundPack(key: number, entries: readonly RawEntry[]): void {
    this.#found.push({ key, said: entries.map(([id, record]) => (record === null ? -1 - id : id)) });
  }

  /** Tells of a row that is there. */
  foundRow(id: number, record: UpperRecord | undefined): void {
    this.#rows.set(id, record);
  }

  /** Works out what counts of the packs that were found: the first commit needs to know, and opening a workspace does not. */
  #settle(): void {
    if (this.#found.length === 0) return;
    for (const { key, said } of this.#found) {
      const pack = this.#newPack(key, said.length);
      for (const id of said) {
        const before = this.#packOf.get(id < 0 ? -1 - id : id);
        if (before !== undefined) before.live--;
        this.#say(pack, id < 0 ? -1 - id : id, id < 0);
      }
    }
    this.#found = [];
    for (const id of this.#rows.keys()) {
      const pack = this.#packOf.get(id);
      if (pack !== undefined) pack.live--;
    }
  }

  /** What a commit of these records changes. */
  plan(records: Records, { bare, read }: PlanOptions): Plan | Promise<Plan> {
    this.#settle();
    const { packFrom, rows } = this.settings;
    const isPacked = records.size >= packFrom || (records.size > 0 && this.#rows.size + records.size > rows);
    return isPacked && !bare ? this.#planPacks(records, read) : this.#planRows(records);
  }

  #planRows(records: Records): Plan {
    const changes: RowChange[] = [];
    for (const [id, record] of records) {
      if (record !== undefined) changes.push({ store: 'records', key: id, value: encodeRecord(record) });
      else if (this.#packOf.has(id)) changes.push({ store: 'records', key: id, value: null });
      else if (this.#rows.has(id)) changes.push({ store: 'records', key: id, value: undefined });
    }
    const apply = (): void => {
      for (const [id, record] of records) {
        this.#overrule(id);
        if (record !== undefined || this.#packOf.has(id)) this.#rows.set(id, record && withOwnXattrs(record));
        else this.#rows.delete(id);
      }
    };
    return { changes, isMore: false, apply };
  }

  async #planPacks(records: Records, read: ReadRows): Promise<Plan> {
    const folded = this.#foldable();
    const touched = new Set([...records.keys(), ...folded.ids]);
    const outdated = this.#outdated(touched, records);
    const carried = await this.#carry(outdated, touched, read);
    const dropped = new Set(carried === undefined ? [] : outdated);
    const isStillSaid = (id: number): boolean => {
      const pack = this.#packOf.get(id);
      return pack !== undefined && !dropped.has(pack);
    };
    const entries = [...(carried ?? []), ...this.#entriesOf(records, folded.ids)].filter(({ id, isGone }) => !isGone || isStillSaid(id));
    const changes: RowChange[] = Array.from(dropped, ({ key }) => ({ store: 'packs', key, value: undefined }));
    const first = (this.#packs.at(-1)?.key ?? 0) + 1;
    const packs = slices(entries, this.settings.packSize);
    for (const [i, part] of packs.entries()) {
      changes.push({ store: 'packs', key: first + i, value: encodePack(part.map(({ text }) => text)) });
    }
    if (folded.ids.length > 0) changes.push({ store: 'records', from: -Infinity, to: folded.to });
    for (const id of records.keys())
      if (id > folded.to && this.#rows.has(id)) changes.push({ store: 'records', key: id, value: undefined });
    const apply = (): void => {
      for (const id of touched) this.#removeRow(id);
      this.#drop(dropped);
      for (const [i, part] of packs.entries()) {
        const pack = this.#newPack(first + i, part.length);
        for (const { id, isGone } of part) {
          this.#overrule(id);
          this.#say(pack, id, isGone);
        }
      }
    };
    return { changes, isMore: folded.ids.length > 0 || (carried ?? []).length > 0, apply };
  }

  /** The rows that go into packs with the next ones: all, or those up to a number, so that one request removes them. */
  #foldable(): { readonly ids: readonly number[]; readonly to: number } {
    const ids = [...this.#rows.keys()];
    const { atOnce } = this.settings;
    if (ids.length <= atOnce || !hasRanges()) return { ids, to: Infinity };
    const lowest = ids.sort((a, b) => a - b).slice(0, atOnce);
    return { ids: lowest, to: lowest[atOnce - 1]! };
  }

  #entriesOf(records: Records, folded: readonly number[]): Entry[] {
    const entries: Entry[] = [];
    for (const id of folded) {
      if (records.has(id)) continue;
      const record = this.#rows.get(id);
      entries.push({ id, text: entryText(id, record), isGone: record === undefined });
    }
    const texts = entryTexts(records);
    let i = 0;
    for (const [id, record] of records) entries.push({ id, text: texts[i++]!, isGone: record === undefined });
    return entries;
  }

  /** The oldest packs, as many as have to go so that waste is not more than the rest once `touched` is overruled, and those in which nothing counts. */
  #outdated(touched: ReadonlySet<number>, records: Records): Pack[] {
    const { atOnce, slack } = this.settings;
    const live = new Map(this.#packs.map((pack) => [pack, pack.live]));
    let kept = 0;
    for (const id of touched) {
      const pack = this.#packOf.get(id);
      if (pack !== undefined && !this.#rows.has(id)) live.set(pack, live.get(pack)! - 1);
      if (records.has(id) ? records.get(id) !== undefined : this.#rows.get(id) !== undefined) kept++;
    }
    let entries = touched.size;
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
    return this.#packOf.get(id) === pack && !this.#rows.has(id);
  }

  /** A row or a later pack says something of this id from now on. */
  #overrule(id: number): void {
    const pack = this.#packOf.get(id);
    if (pack !== undefined && !this.#rows.has(id)) pack.live--;
  }

  /** What a pack says of this id counts again. */
  #removeRow(id: number): void {
    const pack = this.#packOf.get(id);
    if (this.#rows.delete(id) && pack !== undefined) pack.live++;
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

/** A list in pieces of at most `size`. */
function slices<T>(list: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < list.length; at += size) pieces.push(list.slice(at, at + size));
  return pieces;
}
