/* The session that follows the workspace from one owner to the next, by itself. */

import { expect, test } from 'vitest';
import { FollowingSession } from '../../src/rpc/following-session.ts';
import type { Outcome, Session } from '../../src/rpc/session.ts';
import type { Invocation } from '../../src/rpc/wire.ts';

/** An owner that answers when it is told to. */
class Owner implements Session {
  readonly asked: { readonly path: unknown; readonly answer: (outcome: Outcome) => void }[] = [];

  invoke({ args }: Invocation): Promise<Outcome> {
    return new Promise((answer) => this.asked.push({ path: args[0], answer }));
  }
  stream(): void {
    throw new Error('not asked for here');
  }
  cancel(): void {
    throw new Error('not asked for here');
  }
  end(): Promise<void> {
    return Promise.resolve();
  }
  get paths(): unknown[] {
    return this.asked.map(({ path }) => path);
  }
}

const call = (method: 'readFile' | 'writeFile', path: string): Invocation => ({ on: 'fs', method, args: [path] });

test('calls that a leaving owner gives back reach the next one before those made later', async () => {
  const session = new FollowingSession({ onBusy: () => undefined, onEnd: () => undefined });
  const [leaving, next] = [new Owner(), new Owner()];
  session.follow(leaving);
  for (const path of ['/1', '/2']) void session.invoke(call('writeFile', path));
  void session.invoke(call('readFile', '/3'));
  session.pause();
  void session.invoke(call('writeFile', '/4'));
  for (const { path, answer } of leaving.asked) if (path !== '/3') answer({ moved: true });
  await Promise.resolve();
  session.follow(undefined);
  void session.invoke(call('writeFile', '/5'));
  session.follow(next);
  expect(next.paths).toEqual(['/1', '/2', '/3', '/4', '/5']);
});
