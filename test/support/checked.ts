/*
 * An overlay whose union rules are checked after every call: `fs.promises`, `*Sync`, and the methods of the handles that `open`
 * gives. A violation fails the call that brought it about.
 */

import type { Violation } from '../../src/base/diff.ts';
import type { FileHandle, Fs, FsPromises } from '../../src/fs/api.ts';
import type { Overlay } from '../../src/fs/overlay.ts';

export interface CheckedOverlay {
  readonly overlay: Overlay;
  readonly fs: Fs;
  /** Like `overlay.as`, checked. */
  as(credentials: Parameters<Overlay['as']>[0]): Fs;
  /** Resolves when the checks of all synchronous calls are done; rejects when one of them found something. */
  settled(): Promise<void>;
  /** Waits for the checks, then closes. */
  close(): Promise<void>;
}

/** Thrown for a violation of the union rules. */
export class ViolationError extends Error {
  constructor(
    readonly call: string,
    readonly violations: readonly Violation[],
  ) {
    super(`after ${call}:\n${violations.map(({ rule, path, message }) => `  ${rule}: ${path}: ${message}`).join('\n')}`);
  }
}

/** Wraps an overlay. */
export function checked(overlay: Overlay): CheckedOverlay {
  const failures: ViolationError[] = [];
  const pending = new Set<Promise<void>>();
  const verify = async (call: string): Promise<void> => {
    const violations = await overlay.check();
    if (violations.length > 0) throw new ViolationError(call, violations);
  };
  const verifyLater = (call: string): void => {
    const done = verify(call).catch((e: unknown) => {
      if (!(e instanceof ViolationError)) throw e;
      failures.push(e);
    });
    pending.add(done);
    void done.finally(() => pending.delete(done));
  };
  const settled = async (): Promise<void> => {
    await Promise.all(pending);
    if (failures.length > 0) throw failures[0]!;
  };
  return {
    overlay,
    fs: checkedFs(overlay.fs, verify, verifyLater),
    as: (credentials) => checkedFs(overlay.as(credentials), verify, verifyLater),
    settled,
    async close() {
      try {
        await settled();
        await overlay.flush();
        await verify('flush');
      } finally {
        await overlay.close();
      }
    },
  };
}

type Call = (...args: unknown[]) => unknown;
type Verify = (call: string) => Promise<void>;

function checkedFs(fs: Fs, verify: Verify, verifyLater: (call: string) => void): Fs {
  const promises = checkedPromises(fs.promises, verify);
  return new Proxy(fs, {
    get(_target, name) {
      if (name === 'promises') return promises;
      const member: unknown = Reflect.get(fs, name, fs);
      if (typeof member !== 'function' || !String(name).endsWith('Sync')) return member;
      return (...args: unknown[]) => {
        try {
          return (member as Call).apply(fs, args);
        } finally {
          verifyLater(describeCall(String(name), args));
        }
      };
    },
  });
}

const UNCHECKED = new Set(['watch', 'opendir']);

function checkedPromises(promises: FsPromises, verify: Verify): FsPromises {
  return new Proxy(promises, {
    get(_target, name) {
      const member: unknown = Reflect.get(promises, name, promises);
      if (typeof member !== 'function') return member;
      if (UNCHECKED.has(String(name))) return (member as Call).bind(promises);
      return async (...args: unknown[]) => {
        const call = describeCall(String(name), args);
        const result = await afterwards(async () => (member as Call).apply(promises, args), call, verify);
        return name === 'open' ? checkedHandle(result as FileHandle, call, verify) : result;
      };
    },
  });
}

function checkedHandle(handle: FileHandle, opened: string, verify: Verify): FileHandle {
  return new Proxy(handle, {
    get(_target, name) {
      const member: unknown = Reflect.get(handle, name, handle);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) =>
        afterwards(async () => (member as Call).apply(handle, args), `${describeCall(String(name), args)} of ${opened}`, verify);
    },
  });
}

/** Runs a call and the check after it, whether it failed or not. A violation outweighs the call's own failure. */
async function afterwards<T>(call: () => Promise<T>, name: string, verify: Verify): Promise<T> {
  try {
    return await call();
  } finally {
    await verify(name);
  }
}

const describeCall = (name: string, args: readonly unknown[]): string => `${name}(${args.map(describeArgument).join(', ')})`;

function describeArgument(argument: unknown): string {
  if (typeof argument === 'string') return JSON.stringify(argument.length > 60 ? `${argument.slice(0, 60)}…` : argument);
  if (ArrayBuffer.isView(argument)) return `<${argument.byteLength} bytes>`;
  return typeof argument === 'object' && argument !== null ? '{…}' : String(argument);
}
