/* The codec in Node, beside fflate and Node's own zlib, crypto and Buffer; and what the codecs weigh. codec.ts is the same in Chromium. */

import { createHash } from 'node:crypto';
import { crc32, gzipSync, inflateRawSync } from 'node:zlib';
import { build } from 'rolldown';
import { root } from '../../scripts/entries.ts';
import { base64 } from '../../src/codec/wasm.ts';
import { codecScenarios } from '../harness/codec-work.ts';
import type { Suite } from '../harness/suite.ts';

const weightOf = (bytes: Uint8Array): { bytes: number; gzip: number } => ({ bytes: bytes.length, gzip: gzipSync(bytes).length });

/** Bytes of the kernel, as it is and as the worker carries it, and of fflate's inflate alone. */
async function weigh(): Promise<Record<string, { bytes: number; gzip: number }>> {
  const entry = 'virtual:fflate';
  const { output } = await build({
    cwd: root,
    input: entry,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
    output: { minify: true },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? "export { inflateSync } from 'fflate';" : null),
      },
    ],
  });
  return {
    'kernel: inflate, CRC-32, SHA-256, search': weightOf(Buffer.from(base64.codec, 'base64')),
    'kernel in base64': weightOf(Buffer.from(base64.codec)),
    'fflate: inflate': weightOf(Buffer.from(output[0].code)),
  };
}

export const suite: Suite = {
  name: 'codec-node',
  where: 'node',
  facts: weigh,
  scenarios: codecScenarios({
    inflate: { 'node:zlib': ({ deflated }) => inflateRawSync(deflated) },
    crc32: { 'node:zlib': (bytes) => crc32(bytes) },
    sha256: {
      'crypto.subtle': (bytes) => crypto.subtle.digest('SHA-256', bytes),
      'node:crypto': (bytes) => createHash('sha256').update(bytes).digest(),
    },
    search: { 'Buffer.indexOf': (bytes, needle) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(needle) },
  }),
};
