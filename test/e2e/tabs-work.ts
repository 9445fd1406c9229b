/* The random work of one tab, in the tab: several lanes at a time, each with a file of its own, and all of them with one log. */

import type { FsPromises } from '../../src/fs/api.ts';

/** One thing that a lane does. Every content and token is unique. */
export interface Step {
  readonly id: number;
  readonly path: string;
  readonly does: 'write' | 'append' | 'delete' | 'read' | 'log' | 'read-log';
  readonly text: string;
}

/** What Node is told: before a step begins, and how it ended. */
export type Report =
  | { readonly begins: Step }
  | { readonly id: number; readonly value: string | undefined }
  | { readonly id: number; readonly code: string; readonly message: string };

export const LOG = '/log';

/** Works until it is told to stop. Reports are waited for: what Node has not heard of has not begun. */
export async function work(
  fs: FsPromises,
  tab: string,
  random: () => number,
  report: (report: Report) => Promise<void>,
  goesOn: () => boolean,
): Promise<void> {
  let serial = 0;
  const lane = async (path: string): Promise<void> => {
    while (goesOn()) {
      const id = ++serial;
      const step: Step = { id, path, text: `${tab}.${id};`, does: pick(random()) };
      await report({ begins: step });
      try {
        await report({ id, value: await perform(fs, step) });
      } catch (e) {
        await report({ id, code: (e as { code?: string }).code ?? String(e), message: String(e) });
      }
    }
  };
  await Promise.all([0, 1, 2].map((number) => lane(`/${tab}-${number}`)));
}

function pick(number: number): Step['does'] {
  if (number < 0.2) return 'write';
  if (number < 0.45) return 'append';
  if (number < 0.5) return 'delete';
  if (number < 0.7) return 'read';
  return number < 0.9 ? 'log' : 'read-log';
}

async function perform(fs: FsPromises, { does, path, text }: Step): Promise<string | undefined> {
  switch (does) {
    case 'write':
      await fs.writeFile(path, text);
      return undefined;
    case 'append':
      await fs.appendFile(path, text);
      return undefined;
    case 'delete':
      await fs.rm(path, { force: true });
      return undefined;
    case 'log':
      await fs.appendFile(LOG, text);
      return undefined;
    case 'read':
      return contentOf(fs, path);
    case 'read-log':
      return contentOf(fs, LOG);
    default:
      return does satisfies never;
  }
}

/** The content of a file, `undefined` where there is none. */
export async function contentOf(fs: FsPromises, path: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (e) {
    if ((e as { code?: string }).code === 'ENOENT') return undefined;
    throw e;
  }
}
