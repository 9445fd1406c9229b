/* What a fact works with: the calls, and expectations that say in a few words what happened instead. */

import { CallFailed, type Calls, type Mounted, NotOffered, type Storage } from './subject.ts';

/** The fact does not hold; the message says what happened. */
export class Differs extends Error {}

const SHOWN = 24;

function quote(text: string): string {
  const shown = JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  return shown.replaceAll('\\u0000', '\\0');
}

export class Scene {
  #fs: Calls;
  #stage = '';

  constructor(private readonly mounted: Mounted) {
    this.#fs = mounted.fs;
  }

  get fs(): Calls {
    return this.#fs;
  }

  /** Says where in the fact a difference was seen. */
  get stage(): string {
    return this.#stage;
  }

  /** Reloads the page when the storage has everything. */
  async reload(): Promise<void> {
    await this.settle();
    await this.endPage();
  }

  settle(): Promise<void> {
    return this.mounted.settle?.() ?? Promise.resolve();
  }

  /** Reloads the page at once. */
  async endPage(): Promise<void> {
    this.#fs = await this.mounted.reload();
    this.#stage = 'after a reload ';
  }

  /** Checks at once, and again after a reload. */
  async nowAndReloaded(check: () => Promise<void>): Promise<void> {
    await check();
    await this.reload();
    await check();
  }

  differs(what: string): never {
    throw new Differs(`${this.#stage}${what}`);
  }

  async shows(path: string, text: string): Promise<void> {
    const found = await this.#fs.readFile(path);
    if (found !== text) this.differs(`${path} reads ${quote(found)}`);
  }

  /** Expects that nothing has this path: not for `stat`, `readFile`, nor `readdir` of its parent. */
  async lacks(path: string): Promise<void> {
    const seen = [
      ...((await this.code(() => this.#fs.stat(path))) === undefined ? ['stat'] : []),
      ...((await this.code(() => this.#fs.readFile(path))) === undefined ? ['readFile'] : []),
      ...((await this.#isListed(path)) ? ['readdir'] : []),
    ];
    if (seen.length > 0) this.differs(`${path} is there for ${seen.join(', ')}`);
  }

  async lists(path: string, ...names: readonly string[]): Promise<void> {
    const found = await this.#fs.readdir(path);
    if (found.join('\0') !== names.toSorted().join('\0')) this.differs(`${path} lists ${found.length === 0 ? 'nothing' : found.join(' ')}`);
  }

  /** Expects one of the codes. */
  async refuses(work: () => Promise<unknown>, ...codes: readonly string[]): Promise<void> {
    const code = await this.code(work);
    if (code === undefined) this.differs('it succeeds');
    if (!codes.includes(code)) this.differs(`it gives ${code}`);
  }

  /** The code of a call's failure; none where it succeeds. */
  async code(work: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await work();
      return undefined;
    } catch (e) {
      if (e instanceof CallFailed) return e.code;
      throw e;
    }
  }

  /** Skips a fact about layers where there are none. */
  needsLayers(): void {
    if (this.mounted.lowerState === undefined) throw new NotOffered('no layers');
  }

  /** Bytes of content that the upper holds. */
  async upperBytes(): Promise<number> {
    this.needsLayers();
    return (await this.mounted.upperBytes?.()) ?? 0;
  }

  /** Skips a fact about a storage that fails where it cannot be made to. */
  needsStorage(): void {
    this.#storage();
  }

  /**
   * Does something over a storage that lets `writes` writes through, and reloads over one that works. Says how the call went,
   * and the wait for what is written later.
   */
  async withFailingStorage(writes: number, work: () => Promise<void>): Promise<'resolved' | 'rejected' | 'not cut off'> {
    await this.settle();
    const storage = this.#storage();
    storage.failAfter(writes);
    const code = await this.code(work);
    const settled = await Promise.allSettled([this.settle()]);
    const { failed } = storage;
    await this.endPage();
    this.#stage = `cut off after ${writes} of its writes, `;
    if (!failed) return 'not cut off';
    return code === undefined && settled[0].status === 'fulfilled' ? 'resolved' : 'rejected';
  }

  #storage(): Storage {
    if (this.mounted.storage === undefined) throw new NotOffered('no storage to cut off');
    return this.mounted.storage;
  }

  async #isListed(path: string): Promise<boolean> {
    const slash = path.lastIndexOf('/');
    const names: string[] = [];
    await this.code(async () => names.push(...(await this.#fs.readdir(path.slice(0, slash) || '/'))));
    return names.includes(path.slice(slash + 1));
  }
}
