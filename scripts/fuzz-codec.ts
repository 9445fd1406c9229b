/* `tsx scripts/fuzz-codec.ts [SEED] [COUNT]`: compares both codecs with Node's zlib over random and damaged streams. */

import { loadCodec } from '../src/codec/codec.ts';
import { JavaScriptCodec } from '../src/codec/javascript-codec.ts';
import { findDifference } from '../test/unit/codec/compare.ts';
import { Random, randomStream, referenceInflate } from '../test/unit/codec/streams.ts';

const seed = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 200_000);
const codecs = [loadCodec(), new JavaScriptCodec()];
const random = new Random(seed);
let accepted = 0;
let differences = 0;
console.log(`seed ${seed}, ${count} streams, codecs: ${codecs.map(({ kind }) => kind).join(', ')}`);
for (let i = 1; i <= count; i++) {
  const stream = randomStream(random);
  if (referenceInflate(stream) !== undefined) accepted++;
  for (const codec of codecs) {
    const difference = findDifference(codec, stream, random);
    if (difference === undefined) continue;
    differences++;
    console.log(`stream ${i}, ${codec.kind}: ${difference}\n  ${Buffer.from(stream).toString('base64')}`);
  }
  if (i % 20_000 === 0) console.log(`${i} streams, ${accepted} accepted by zlib, ${differences} differences`);
}
console.log(`${count} streams, ${accepted} accepted by zlib, ${differences} differences`);
process.exitCode = differences === 0 ? 0 : 1;
