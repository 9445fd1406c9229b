/* The work of the codec's suites: what is decoded, hashed and searched, and the contestants that run everywhere. */

import { deflateSync, inflateSync } from 'fflate';
import { type Codec, loadCodec, makeNeedle } from '../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../src/codec/javascript-codec.ts';
import { sourceText } from './content.ts';
import { time } from './suite.ts';
import type { Contestant, Scenario } from './suite.ts';

const LARGE = 16 << 20;
const SMALL = 10_000;
const FILES = 1000;
/** Stands nowhere in the text, but its first letters do. */
const NEEDLE = 'const value = frobnicate(';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly deflated: Uint8Array<ArrayBuffer>;
}

interface Content {
  readonly large: Packed;
  readonly small: readonly Packed[];
}

const packed = (bytes: Uint8Array<ArrayBuffer>): Packed => ({ bytes, deflated: deflateSync(bytes) });

let made: Content | undefined;

/** Text as a program's, made once. */
function content(): Content {
  made ??= { large: packed(sourceText(LARGE)), small: Array.from({ length: FILES }, (_, i) => packed(sourceText(SMALL, i + 2))) };
  return made;
}

/** Works on the large content, and on all small ones one after another. */
export function contestant(task: string, work: (one: Packed) => unknown): Contestant {
  return async () => {
    const { large, small } = content();
    return {
      [`${task} 16 MiB`]: await time(async () => void (await work(large))),
      [`${task} ${FILES} × 10 KB`]: await time(async () => {
        for (const one of small) {
          const working = work(one);
          if (working instanceof Promise) await working;
        }
      }),
    };
  };
}

const kernel = loadCodec();
const script: Codec = new JavaScriptCodec();
export const OURS = 'stratafs';
const OURS_WITHOUT = 'stratafs without WebAssembly';

/** The same work by both of our codecs. */
function both(task: string, work: (codec: Codec, one: Packed) => unknown): Record<string, Contestant> {
  if (kernel.kind !== 'wasm') throw new Error('there is no WebAssembly here');
  return { [OURS]: contestant(task, (one) => work(kernel, one)), [OURS_WITHOUT]: contestant(task, (one) => work(script, one)) };
}

/** What stands beside our codecs. */
export interface Others {
  readonly inflate: Readonly<Record<string, (one: Packed) => unknown>>;
  readonly crc32: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown>>;
  readonly sha256: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown>>;
  readonly search: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>, needle: Uint8Array) => unknown>>;
}

const map = <T>(others: Readonly<Record<string, T>>, make: (other: T) => Contestant): Record<string, Contestant> =>
  Object.fromEntries(Object.entries(others).map(([name, other]) => [name, make(other)]));

/** The scenarios, with whatever else the platform has. */
export function codecScenarios({ inflate, crc32, sha256, search }: Others): Scenario[] {
  const literal = encoder.encode(NEEDLE);
  const exact = makeNeedle(literal, false);
  const either = makeNeedle(literal, true);
  const inText = (bytes: Uint8Array): number => decoder.decode(bytes).indexOf(NEEDLE);
  const inLowered = (bytes: Uint8Array): number => decoder.decode(bytes).toLowerCase().indexOf(NEEDLE.toLowerCase());
  const fflate = (one: Packed): Uint8Array => inflateSync(one.deflated, { out: new Uint8Array(one.bytes.length) });
  return [
    {
      name: 'raw DEFLATE',
      contestants: {
        ...both('inflate', (codec, one) => codec.inflate(one.deflated, one.bytes.length)),
        fflate: contestant('inflate', fflate),
        ...map(inflate, (other) => contestant('inflate', other)),
      },
      ours: OURS,
    },
    {
      name: 'CRC-32',
      contestants: {
        ...both('CRC-32 of', (codec, { bytes }) => codec.crc32(bytes)),
        ...map(crc32, (other) => contestant('CRC-32 of', ({ bytes }) => other(bytes))),
      },
      ours: OURS,
    },
    {
      name: 'SHA-256',
      contestants: {
        ...both('SHA-256 of', (codec, { bytes }) => codec.sha256(bytes)),
        ...map(sha256, (other) => contestant('SHA-256 of', ({ bytes }) => other(bytes))),
      },
      ours: OURS,
    },
    {
      name: 'literal search',
      contestants: {
        ...both('search', (codec, { bytes }) => codec.search(bytes, exact)),
        'decode, String.indexOf': contestant('search', ({ bytes }) => inText(bytes)),
        ...map(search, (other) => contestant('search', ({ bytes }) => other(bytes, literal))),
      },
      ours: OURS,
    },
    {
      name: 'literal search in either case',
      contestants: {
        ...both('search in either case', (codec, { bytes }) => codec.search(bytes, either)),
        'decode, toLowerCase, indexOf': contestant('search in either case', ({ bytes }) => inLowered(bytes)),
      },
      ours: OURS,
    },
  ];
}
