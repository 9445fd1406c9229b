/* Another worker: attaches to a workspace by its port and writes to it. */

import { attach } from '../../../src/index.ts';

addEventListener('message', ({ data }: MessageEvent<MessagePort>) => {
  void (async () => {
    const ws = await attach(data);
    await ws.fs.writeFile('/by-guest', 'made by a guest');
    postMessage({ name: ws.name, read: await ws.fs.readFile('/from-page', 'utf8') });
    await ws.close();
  })();
});
