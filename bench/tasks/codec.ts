/* The codec in Chromium's worker, beside fflate and what the browser has. codec-node.ts is the same in Node. docs/decisions/0018 draws the conclusion. */

import { codecScenarios } from '../harness/codec-work.ts';
import type { Suite } from '../harness/suite.ts';

export const suite: Suite = {
  name: 'codec',
  where: 'worker',
  scenarios: codecScenarios({
    inflate: {
      DecompressionStream: ({ deflated }) =>
        new Response(new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).arrayBuffer(),
    },
    crc32: {},
    sha256: { 'crypto.subtle': (bytes) => crypto.subtle.digest('SHA-256', bytes) },
    search: {},
  }),
};
