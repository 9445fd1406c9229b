/* What page and Node say to each other in a kill test. */

import type { OpenOptions, Workspace } from '../../src/index.ts';
import type { Stream } from './operations.ts';

/** From Node. */
export type Command =
  | { readonly do: 'open'; readonly options: PlainOptions; readonly workerUrl: string; readonly roots: readonly string[] }
  | { readonly do: 'run'; readonly run: number; readonly streams: readonly Stream[] }
  /** Ends the worker where it stands, and opens again in a new one. */
  | { readonly do: 'terminate' };

export type PlainOptions = Omit<OpenOptions, 'worker' | 'workerUrl' | 'onProgress' | 'signal'>;

/** From the page. */
export type Report =
  | { readonly did: 'start' }
  | {
      readonly did: 'open';
      readonly witness: boolean;
      readonly guard: Workspace['guard'];
      /** What came back from the guard. */
      readonly restored: 'tail' | 'everything' | undefined;
      readonly tree: readonly string[];
      readonly violations: readonly string[];
    }
  | { readonly did: 'fail'; readonly witness: boolean; readonly code: string; readonly message: string }
  | { readonly did: 'acknowledge'; readonly run: number; readonly stream: number; readonly number: number }
  | { readonly did: 'reject'; readonly run: number; readonly stream: number; readonly number: number; readonly message: string }
  | { readonly did: 'finish' };
