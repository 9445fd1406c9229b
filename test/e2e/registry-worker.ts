/* The worker of registry.test.ts: opens images in a real browser. */

import { Overlay } from '../../src/fs/overlay.ts';
import { openBlockCache } from '../../src/lower/block-cache.ts';
import { type ImageOptions, type ImageSource, openImage } from '../../src/lower/oci-image.ts';
import { answerCalls } from './answer-calls.ts';

answerCalls({
  /** Opens an image, through the browser's cache unless told otherwise, and reads one file of it. */
  read: async (source: ImageSource, path: string, options: ImageOptions = {}) => {
    const image = await openImage(source, { retry: { tries: 1 }, cache: openBlockCache(), ...options });
    const overlay = await Overlay.mount({ lower: image.layers });
    const content = await overlay.fs.promises.readFile(path, 'utf8');
    await overlay.close();
    await image.close();
    return { digest: image.digest, content };
  },
  /** What the browser itself does with a redirect. */
  fetch: async (url: string, authorization: string) => {
    const response = await fetch(url, { headers: { authorization } });
    return { status: response.status, redirected: response.redirected };
  },
});
