/* The stack of an error is what the console shows: it has to say what the message says, though the message is worded late. */

import { expect, test } from 'vitest';
import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';

/** Only V8 writes the message into the stack: the others' consoles show both. */
const stacksHaveMessages = new Error('planted').stack?.includes('planted') === true;

test.runIf(stacksHaveMessages)('the stack of an error begins with its message', async () => {
  const overlay = await Overlay.mount({ upper: memoryUpper() });
  const { fs } = overlay;
  const thrown = async (call: () => unknown): Promise<Error> => {
    try {
      await call();
    } catch (e) {
      if (e instanceof Error) return e;
    }
    throw new TypeError('it threw no error');
  };
  for (const call of [
    () => fs.statSync('/no'),
    () => fs.readFileSync('/no'),
    () => fs.promises.stat('/no'),
    () => fs.promises.rename('/no', '/other'),
    () => fs.promises.rm('/no'),
  ]) {
    const { message, stack } = await thrown(call);
    expect(message).toMatch(/^ENOENT: .*'\/no'/);
    expect(stack).toContain(message);
  }
  await overlay.close();
});
