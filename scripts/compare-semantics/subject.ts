/* What the comparison asks of a file system: a handful of calls, a reload, and a look at its storage where it lets us have one. */

/** What a lower holds: path → text. A path that ends with a slash is a directory with nothing in it. */
export type Seed = ReadonlyMap<string, string>;

export interface Attributes {
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  readonly ino: number | undefined;
}

/** An open file; `read` and `write` start at its first byte. */
export interface Handle {
  read(): Promise<string>;
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

/** The calls that facts are made of. Every failure is a `CallFailed`, or `NotOffered` where the library has no such call. */
export interface Calls {
  readFile(path: string): Promise<string>;
  writeFile(path: string, text: string): Promise<void>;
  appendFile(path: string, text: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<Attributes>;
  chmod(path: string, mode: number): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  open(path: string, flags: string): Promise<Handle>;
}

/** A file system with its lowers in place. */
export interface Mounted {
  readonly fs: Calls;
  /** Waits until the storage has everything, as far as the library lets one wait for that. */
  settle?(): Promise<void>;
  /** What a reload of the page does: everything that is not in the storage is gone. Gives the file system as it is then. */
  reload(): Promise<Calls>;
  /** Everything that the lowers hold, past the union: text that changes when anything of it does. Absent where there are no layers. */
  lowerState?(): Promise<string>;
  /** Bytes of file content that the upper holds. Absent where there are no layers. */
  upperBytes?(): Promise<number>;
  /** The storage under the upper, when writes to it can be made to fail. */
  readonly storage?: Storage;
  close?(): Promise<void>;
}

export interface Subject {
  readonly title: string;
  readonly version: string;
  /** How it was set up, for the document. */
  readonly setup: string;
  /** Lowers that it can have. */
  readonly layers: 'none' | 'many';
  /** Lowers topmost first. */
  mount(lowers: readonly Seed[]): Promise<Mounted>;
}

/** The call was made and refused. */
export class CallFailed extends Error {
  constructor(
    readonly call: string,
    readonly code: string,
    cause: unknown,
  ) {
    super(`${call} gives ${code}`, { cause });
  }
}

/** The library has no such call, or says that it does not support it. */
export class NotOffered extends Error {}

/** A storage whose writes fail from some point on, as when the quota is used up, until the page is reloaded. */
export class Storage {
  #page = 0;
  #left = Infinity;
  #failed = false;

  /**
   * Opens the next page, for which the storage works again, and from then on fails every write of the pages before. Gives what
   * the page has to call before each write that the storage makes in one piece.
   */
  nextPage(): () => void {
    const page = ++this.#page;
    this.#left = Infinity;
    this.#failed = false;
    return () => {
      if (page === this.#page && this.#left-- > 0) return;
      if (page === this.#page) this.#failed = true;
      throw Object.assign(new Error('EIO: the storage fails'), { code: 'EIO', errno: 5 });
    };
  }

  /** Lets `count` more writes of this page through and no others. */
  failAfter(count: number): void {
    this.#left = count;
  }

  /** Tells whether a write of this page failed. */
  get failed(): boolean {
    return this.#failed;
  }
}

/** A file or a directory of a layer, seen past the union. */
export type Seen = { readonly mode: number; readonly text: string } | { readonly mode: number; readonly names: readonly string[] };

/** Everything that can be seen from a path on. */
export async function stateOf(look: (path: string) => Promise<Seen>, path = '/'): Promise<string> {
  const seen = await look(path);
  if ('text' in seen) return `${path} ${seen.mode.toString(8)} ${JSON.stringify(seen.text)}\n`;
  let state = `${path} ${seen.mode.toString(8)}\n`;
  for (const name of seen.names.toSorted()) state += await stateOf(look, `${path === '/' ? '' : path}/${name}`);
  return state;
}

/** Bytes of the files from a path on, where every character is one. */
export async function bytesOf(look: (path: string) => Promise<Seen>, path = '/'): Promise<number> {
  const seen = await look(path);
  if ('text' in seen) return seen.text.length;
  let bytes = 0;
  for (const name of seen.names) bytes += await bytesOf(look, `${path === '/' ? '' : path}/${name}`);
  return bytes;
}

/** Directories of a seed and its files, in an order in which they can be made. */
export function directoriesOf(seed: Seed): string[] {
  const directories = new Set<string>();
  for (const path of seed.keys()) {
    for (let end = path.indexOf('/', 1); end >= 0; end = path.indexOf('/', end + 1)) directories.add(path.slice(0, end));
  }
  return [...directories];
}

export function filesOf(seed: Seed): (readonly [path: string, text: string])[] {
  return [...seed].filter(([path]) => !path.endsWith('/'));
}
