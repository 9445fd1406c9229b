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

  async reload(): Promise<void> {
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

  async lowerShows(path: string, text: string): Promise<void> {
    if (this.mounted.lowerText === undefined) throw new NotOffered('no layers');
    const found = await this.mounted.lowerText(path);
    if (found !== text) this.differs(`the lower's ${path} reads ${quote(found)}`);
  }

  /** Bytes of content that the upper holds. */
  async upperBytes(): Promise<number> {
    if (this.mounted.upperBytes === undefined) throw new NotOffered('no layers');
    return this.mounted.upperBytes();
  }

  /** Does something over a storage that lets `writes` writes through, and reloads over one that works. Says how the call went. */
  async withFailingStorage(writes: number, work: () => Promise<void>): Promise<'resolved' | 'rejected' | 'not cut off'> {
    const storage = this.#storage();
    storage.failAfter(writes);
    const code = await this.code(work);
    const { failed } = storage;
    await this.reload();
    this.#stage = `cut off after ${writes} of its writes, `;
    if (!failed) return 'not cut off';
    return code === undefined ? 'resolved' : 'rejected';
  }

  #storage(): Storage {
    if (this.mounted.storage === undefined) throw new NotOffered('nothing outlives the page');
    return this.mounted.storage;
  }

  async #isListed(path: string): Promise<boolean> {
    const slash = path.lastIndexOf('/');
    const names: string[] = [];
    await this.code(async () => names.push(...(await this.#fs.readdir(path.slice(0, slash) || '/'))));
    return names.includes(path.slice(slash + 1));
  }
}
