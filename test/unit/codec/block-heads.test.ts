/* What may stand in the head of a block, and what may not: every case beside its nearest relative that is allowed. */

import { expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { blockStream, referenceInflate } from './streams.ts';
import type { Block, LengthSymbol } from './streams.ts';

interface Case {
  readonly title: string;
  readonly block: Block;
  /** Behind the head: bits, first one first. */
  readonly content: string;
  /** What comes out; `undefined` where the stream must be rejected. */
  readonly output?: string;
}

const zeros = (n: number): LengthSymbol[] => Array.from({ length: n }, () => [0]);

/** Lengths of 257 literals: those of `a`, `b` and the end. */
const lengthsOf = (a: number, b: number, end: number): LengthSymbol[] => [...zeros(97), [a], [b], ...zeros(157), [end]];

/** `a` is 0, the end is 1. */
const plain = lengthsOf(1, 0, 1);
/** The end is 0, the length 3 is 10, `a` is 11. */
const withMatch: LengthSymbol[] = [...zeros(97), [2], ...zeros(158), [1], [2]];
const matched = '10' + '11';

const cases: readonly Case[] = [
  { title: 'one literal and the end', block: { literals: 257, distances: 1, symbols: [...plain, [0]] }, content: '01', output: 'a' },
  { title: '286 literals', block: { literals: 286, distances: 1, symbols: [...plain, ...zeros(29), [0]] }, content: '01', output: 'a' },
  { title: '287 literals', block: { literals: 287, distances: 1, symbols: [...plain, ...zeros(30), [0]] }, content: '01' },
  { title: '30 distances', block: { literals: 257, distances: 30, symbols: [...plain, ...zeros(30)] }, content: '01', output: 'a' },
  { title: '31 distances', block: { literals: 257, distances: 31, symbols: [...plain, ...zeros(31)] }, content: '01' },
  {
    title: 'zeros repeated up to the last length',
    block: { literals: 257, distances: 3, symbols: [...plain, [17]] },
    content: '01',
    output: 'a',
  },
  { title: 'zeros repeated beyond the last length', block: { literals: 257, distances: 2, symbols: [...plain, [17]] }, content: '01' },
  {
    title: 'the first length repeated where there is one before',
    block: { literals: 257, distances: 1, symbols: [[0], [16], ...zeros(93), [1], ...zeros(158), [1], [0]] },
    content: '01',
    output: 'a',
  },
  {
    title: 'a repetition of nothing',
    block: { literals: 257, distances: 1, symbols: [[16], ...zeros(94), [1], ...zeros(158), [1], [0]] },
    content: '01',
  },
  { title: 'literals without an end', block: { literals: 257, distances: 1, symbols: [...lengthsOf(1, 1, 0), [0]] }, content: '01' },
  {
    title: 'an end of one bit and nothing else',
    block: { literals: 257, distances: 1, symbols: [...lengthsOf(0, 0, 1), [0]] },
    content: '0',
    output: '',
  },
  {
    title: 'the other bit where only the end has a code',
    block: { literals: 257, distances: 1, symbols: [...lengthsOf(0, 0, 1), [0]] },
    content: '1',
  },
  {
    title: 'an end of two bits and nothing else',
    block: { literals: 257, distances: 1, symbols: [...lengthsOf(0, 0, 2), [0]] },
    content: '00',
  },
  { title: 'three codes of one bit', block: { literals: 257, distances: 1, symbols: [...lengthsOf(1, 1, 1), [0]] }, content: '01' },
  {
    title: 'codes of one, two and two bits',
    block: { literals: 257, distances: 1, symbols: [...lengthsOf(2, 2, 1), [0]] },
    content: '100',
    output: 'a',
  },
  {
    title: 'codes of one and two bits, and one left over',
    block: { literals: 257, distances: 1, symbols: [...lengthsOf(2, 0, 1), [0]] },
    content: '100',
  },
  {
    title: 'a match at the only distance, of one bit',
    block: { literals: 258, distances: 1, symbols: [...withMatch, [1]] },
    content: '10' + '11' + '0' + '0',
    output: 'aaaa',
  },
  {
    title: 'the other bit where only one distance has a code',
    block: { literals: 258, distances: 1, symbols: [...withMatch, [1]] },
    content: '10' + '11' + '1' + '0',
  },
  {
    title: 'a match where no distance has a code',
    block: { literals: 258, distances: 1, symbols: [...withMatch, [0]] },
    content: '10' + '11' + '0' + '0',
  },
  {
    title: 'only one distance, of two bits',
    block: { literals: 258, distances: 1, symbols: [...withMatch, [2]] },
    content: matched + '00' + '0',
  },
  {
    title: 'three distances of one bit',
    block: { literals: 258, distances: 3, symbols: [...withMatch, [1], [1], [1]] },
    content: matched + '0' + '0',
  },
  {
    title: 'a code length code with too few codes',
    block: { literals: 257, distances: 1, symbols: [...plain, [0]], orderLengths: [4, 4, ...new Array<number>(17).fill(0)] },
    content: '01',
  },
  {
    title: 'a code length code with too many codes',
    block: { literals: 257, distances: 1, symbols: [...plain, [0]], orderLengths: new Array<number>(19).fill(4) },
    content: '01',
  },
  {
    title: 'a code length code without codes',
    block: { literals: 257, distances: 1, symbols: [...plain, [0]], orderLengths: new Array<number>(19).fill(0) },
    content: '01',
  },
];

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  for (const { title, block, content, output } of cases) {
    test(`${codec.kind}: ${title} is ${output === undefined ? 'rejected' : 'accepted'}`, () => {
      // Enough behind it that nothing is wrong but what the case is about.
      const stream = blockStream(block, content + '0'.repeat(400));
      const expected = referenceInflate(stream);
      expect(expected?.output.toString()).toBe(output);
      if (output === undefined) {
        expect(() => codec.inflateStream(stream, 1e6)).toThrow(expect.toSatisfy((e: unknown) => isFsError(e, 'EIO')));
      } else {
        const decoded = codec.inflateStream(stream, 1e6);
        expect(Buffer.from(decoded.output).toString()).toBe(output);
        expect(decoded.consumed).toBe(expected?.consumed);
      }
    });
  }
}
