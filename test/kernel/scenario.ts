/*
 * A scenario: a stack of lowers and a list of steps, as plain data. It runs on a machine, the kernel's overlay or the engine, and
 * gives texts that can be compared.
 */

/** A node of a layer. Parents stand before their children; the first node of every layer is its root, path ''. */
export interface LayerNode {
  readonly kind: 'directory' | 'file' | 'symlink' | 'link' | 'whiteout' | 'socket';
  /** From the root of the layer, without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Milliseconds since the epoch, whole seconds. */
  readonly mtime: number;
  /** Files: what is repeated `repeat` times (default 1). */
  readonly text?: string;
  readonly repeat?: number;
  /** Symbolic links: the target. Hard links: the path of the file in this layer. */
  readonly to?: string;
  readonly opaque?: boolean;
  readonly redirect?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** What a step does. Each is a method of both machines. */
export const STEP_NAMES = [
  'open',
  'close',
  'read',
  'pread',
  'write',
  'pwrite',
  'ftruncate',
  'fstat',
  'fchmod',
  'fchown',
  'futimes',
  'readFile',
  'writeFile',
  'truncate',
  'mkdir',
  'rmdir',
  'unlink',
  'removeAll',
  'rename',
  'link',
  'symlink',
  'mknod',
  'chmod',
  'chown',
  'lchown',
  'utimes',
  'lutimes',
  'setxattr',
  'getxattr',
  'listxattr',
  'removexattr',
  'readlink',
  'realpath',
  'stat',
  'lstat',
  'readdir',
  'access',
  'utimens',
  'times',
  'changedTimes',
  'remount',
] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** One step. Which members count follows from `op`. */
export interface Step {
  readonly op: StepName;
  readonly path?: string;
  /** rename, link: the new path. symlink: the target. */
  readonly to?: string;
  /** Number of an open file, chosen by the scenario. */
  readonly slot?: number;
  readonly flags?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly at?: number;
  readonly text?: string;
  readonly repeat?: number;
  /** Name of an extended attribute. */
  readonly name?: string;
  /** Seconds since the epoch. */
  readonly time?: number;
  /** utimens: seconds since the epoch, UTIME_NOW or UTIME_OMIT. */
  readonly atime?: number | 'now' | 'omit';
  readonly mtime?: number | 'now' | 'omit';
  /** mknod: type bits (default: a socket) and device number. */
  readonly type?: number;
  readonly rdev?: number;
  /** Who does it. Default: root. */
  readonly user?: User;
}

export interface Scenario {
  readonly seed: number;
  /** Whether the kernel copies up attributes alone. It then stamps a file whose content follows, so times cannot be compared. */
  readonly metacopy: boolean;
  /** Without an upper: every change is EROFS. */
  readonly readOnly?: boolean;
  /** Topmost first. */
  readonly layers: readonly (readonly LayerNode[])[];
  readonly steps: readonly Step[];
}

/** What a machine gives. */
export interface Outcome {
  /** One a step: 'ok', an error code, or what was read. */
  readonly results: readonly string[];
  /** The merged tree after the last step, one line an entry. */
  readonly before: readonly string[];
  /** The same after a remount. */
  readonly after: readonly string[];
  /** The machine itself broke. */
  readonly failure?: string;
}

/** Times before this are set by scenarios, later ones by the clock. Milliseconds since the epoch. */
export const NOW_MS = 1_500_000_000_000;

/** Texts longer than this are compared by digest. */
export const SHORT_TEXT = 48;

/** A scenario as text that can be read, and pasted into a test. */
export function describeScenario({ seed, metacopy, readOnly = false, layers, steps }: Scenario): string {
  const lines = [`seed ${seed}, metacopy=${metacopy ? 'on' : 'off'}${readOnly ? ', read-only' : ''}`];
  for (const [i, nodes] of layers.entries()) {
    lines.push(`layer ${i}:`);
    for (const { kind, path, ...rest } of nodes) lines.push(`  ${kind} /${path} ${JSON.stringify(rest)}`);
  }
  for (const [i, { op, ...rest }] of steps.entries()) lines.push(`${i}: ${op} ${JSON.stringify(rest)}`);
  return lines.join('\n');
}
