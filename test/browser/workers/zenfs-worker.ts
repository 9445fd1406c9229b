/* An application's worker that uses the union through ZenFS: writes, and answers with what it read. */

import { configure, fs, mounts } from '@zenfs/core';
import { Overlay, OverlayFS } from 'stratafs/zenfs';

interface Order {
  readonly upper: string;
  readonly zip: Uint8Array;
  readonly write: boolean;
}

addEventListener('message', (event: MessageEvent<Order>) => void answer(event.data));

async function answer({ upper, zip, write }: Order): Promise<void> {
  try {
    await configure({ mounts: { '/': { backend: Overlay, lower: [{ bytes: zip }], upper } } });
    if (write) await change();
    const names = fs.readdirSync('/', { recursive: true }) as string[];
    const a: unknown = fs.readFileSync('/a', 'utf8');
    postMessage({ names: names.toSorted(), a });
    const mounted = mounts.get('/');
    if (mounted instanceof OverlayFS) await mounted.close();
    postMessage('closed');
  } catch (e) {
    postMessage(String(e));
  }
}

async function change(): Promise<void> {
  fs.writeFileSync('/sync', 'made synchronously');
  await fs.promises.writeFile('/a', 'edited');
  await fs.promises.rm('/gone');
  fs.renameSync('/d', '/e');
}
